//! `[price."<model>"]`: what the user says that models cost.

use super::{Decode, Resolver, problem};
use crate::config::decode::{self, Form};
use crate::config::error::Problem;
use crate::config::fields::{Field, PRICE_FIELDS};
use crate::config::keys;
use crate::config::layers::Named;
use crate::config::raw::Raw;
use crate::config::settings::{PriceSetting, SetValue};
use crate::config::value::Origin;
use crate::model::Price;
use std::collections::BTreeMap;

/// Longest name of a model.
const MAX_NAME: usize = 200;

impl Resolver<'_> {
    pub(super) fn prices(&mut self) -> BTreeMap<String, PriceSetting> {
        let mut prices = BTreeMap::new();
        for table in self.tables("price") {
            // A repository that said what a model costs could say nothing, and no cap would ever be reached.
            if matches!(table.at, Origin::RepoFile { .. }) {
                self.problems.push(Problem::Wall {
                    at: table.at,
                    key: heading(&table.name),
                    env: None,
                    flag: None,
                    user_file: self.env.user_file(),
                });
                continue;
            }
            if let Some(price) = self.price(&table) {
                prices.insert(table.name, price);
            }
        }
        prices
    }

    /// None where something is wrong, which is a problem by then.
    fn price(&mut self, table: &Named) -> Option<PriceSetting> {
        let key = heading(&table.name);
        let (start, rest) = match table.name.split_once('*') {
            Some((start, rest)) => (start, rest),
            None => (table.name.as_str(), ""),
        };
        let is_name = !table.name.is_empty()
            && table.name.len() <= MAX_NAME
            && rest.is_empty()
            && !start.contains(|c: char| c.is_whitespace() || c.is_control());
        if !is_name {
            self.problems.push(Problem::Unusable {
                at: table.at.clone(),
                key: key.clone(),
                why: "a price is for a model, or engine:model, as one word that may end in *"
                    .to_owned(),
            });
        }
        let mut is_sound = is_name;
        for (name, given) in &table.fields {
            if PRICE_FIELDS.iter().any(|field| field.name == name) {
                continue;
            }
            is_sound = false;
            let known = PRICE_FIELDS.iter().map(|field| field.name);
            self.problems.push(match given.item.raw {
                // A dot in a heading without quotes ends the name.
                Raw::Table(_) => Problem::Unusable {
                    at: given.origin.clone(),
                    key: format!("{key}.{name}"),
                    why: format!(
                        "a price holds no tables; a model's name with a dot stands in quotes: [price.\"{}.{name}\"]",
                        table.name
                    ),
                },
                _ => Problem::Unknown {
                    at: given.origin.clone(),
                    what: "key",
                    key: format!("{key}.{name}"),
                    nearest: keys::nearest(name, known).map(|near| format!("{key}.{near}")),
                },
            });
        }
        if !is_sound {
            return None;
        }
        let input = self.price_field(table, "input", decode::rate);
        let output = self.price_field(table, "output", decode::rate);
        let date = self.price_field(table, "date", decode::date);
        let cached = match table.fields.iter().any(|(name, _)| name == "cached") {
            true => self.price_field(table, "cached", decode::rate),
            false => input,
        };
        Some(PriceSetting {
            price: Price {
                input: input?,
                cached: cached?,
                output: output?,
            },
            date: date?,
            origin: table.at.clone(),
        })
    }

    /// A field that has to be there.
    fn price_field<T>(
        &mut self,
        table: &Named,
        name: &'static str,
        decode: Decode<T>,
    ) -> Option<T> {
        let field: &Field = PRICE_FIELDS.iter().find(|field| field.name == name)?;
        let key = format!("{}.{name}", heading(&table.name));
        let Some((_, given)) = table.fields.iter().find(|(known, _)| known == name) else {
            self.problems.push(Problem::BadValue {
                at: table.at.clone(),
                key,
                given: "missing".to_owned(),
                allowed: field.kind.allowed(),
            });
            return None;
        };
        self.set.push(SetValue {
            key: key.clone(),
            value: given.item.raw.to_string(),
            origin: given.origin.clone(),
        });
        match decode(&given.item, field.kind, Form::Toml) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.problems.push(problem(&key, field.kind, given, fault));
                None
            }
        }
    }
}

/// As a path into the file: a model's name is seldom a bare key.
fn heading(name: &str) -> String {
    format!("price.{name:?}")
}
