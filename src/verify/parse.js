const { spawnSync } = require("child_process");
const fs = require("fs");
const vm = require("vm");

const failure = (parse) => {
  try {
    parse();
    return null;
  } catch (error) {
    return error;
  }
};
// The parser of modules does not tell where; the checker of scripts from input does.
const whereInModule = (text) => {
  const args = ["--input-type=module", "--check", "-"];
  const run = spawnSync(process.execPath, args, { input: text, encoding: "utf8" });
  const lines = (run.stderr || "").split("\n");
  return /^\[stdin\]:\d+$/.test(lines[0]) ? lines : [];
};
let reported = 0;
for (const file of fs.readFileSync(0, "utf8").split("\0")) {
  let text;
  try {
    if (!file || !fs.statSync(file).isFile()) continue;
    text = fs.readFileSync(file, "utf8");
  } catch {
    continue;
  }
  if (text.slice(0, 2048).includes("@flow")) continue;
  text = text.replace(/^\uFEFF/, "").replace(/^#!/, "//");
  const asScript = () => vm.compileFunction(text, [], { filename: file });
  const asModule = () => new vm.SourceTextModule(text, { identifier: file });
  // A `.js` file may be either: what decides is outside of it.
  const script = file.endsWith(".mjs") ? undefined : failure(asScript);
  const module = file.endsWith(".cjs") ? undefined : script === null ? null : failure(asModule);
  if (script === null || module === null) continue;
  const isModule = script === undefined || (module !== undefined && /^\s*(import|export)\b/m.test(text));
  const error = isModule ? module : script;
  // Asking where costs a process: for a few files only.
  const lines = !isModule ? String(error.stack).split("\n") : reported < 20 ? whereInModule(text) : [];
  const line = /:(\d+)$/.exec(lines[0] || "");
  console.log(`${file}:${line ? line[1] : 1}: ${error.name}: ${error.message}`);
  if (line) console.log(lines.slice(1, 3).map((l) => "    " + l).join("\n"));
  reported += 1;
}
process.exitCode = reported ? 1 : 0;
