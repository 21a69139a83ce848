//! What a base calls its columns, turned into Tandem's names by `[sync.fields]`. Pure: no I/O, cannot fail.

use serde_json::{Map, Value};

use crate::config::{self, MENTOR_FIELDS};

/// Which column of the base each of Tandem's fields comes from.
#[derive(Clone, Debug)]
pub struct Mapping(Vec<Pair>);

#[derive(Clone, Debug)]
struct Pair {
    /// Tandem's name.
    name: &'static str,
    /// The base's; `None` where it has no such column.
    column: Option<String>,
    /// Whether the operator has said so, rather than the name being the same.
    is_named: bool,
}

impl Mapping {
    /// The mapping that the settings describe. A field that they do not name comes from the column of its own name.
    pub fn of(sync: &config::Sync) -> Self {
        let pair = |name: &&'static str| {
            let named = sync.fields.get(*name);
            let column = named.map_or(*name, String::as_str);
            let column = Some(column.to_owned()).filter(|column| !column.is_empty());
            Pair { name, column, is_named: named.is_some() }
        };
        Self(MENTOR_FIELDS.iter().map(pair).collect())
    }

    /// The same values under Tandem's names. A column that has one of Tandem's names while that field comes from
    /// another column, or from none, is left out; any other name stays as it is.
    pub fn apply(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        let found: Vec<(&'static str, Value)> =
            self.0.iter().filter_map(|pair| Some((pair.name, fields.remove(pair.column.as_ref()?)?))).collect();
        for pair in &self.0 {
            fields.remove(pair.name);
        }
        fields.extend(found.into_iter().map(|(name, value)| (name.to_owned(), value)));
        fields
    }

    /// The same of a whole payload, `{recordId, fields: {…}}`; one without such fields stays as it is.
    pub fn rename(&self, payload: &mut Value) {
        if let Some(Value::Object(fields)) = payload.get_mut("fields") {
            *fields = self.apply(std::mem::take(fields));
        }
    }

    /// Every field that the base may have, with its column.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|pair| Some((pair.name, pair.column.as_deref()?)))
    }

    /// Whether the operator has named this field's column: it is in the base, whatever its records hold.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.0.iter().any(|pair| pair.name == name && pair.is_named && pair.column.is_some())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn mapped(pairs: &[(&str, &str)], fields: Value) -> Value {
        let mut config = Config::defaults_in(std::path::Path::new("data"));
        config.sync.fields = pairs.iter().map(|(name, column)| ((*name).to_owned(), (*column).to_owned())).collect();
        let Value::Object(fields) = fields else { panic!("an object") };
        Mapping::of(&config.sync).apply(fields).into()
    }

    #[test]
    fn without_a_mapping_every_column_keeps_its_name() {
        let fields = json!({ "Name": "Ada", "Bio": null, "Shoe Size": 38 });
        assert_eq!(mapped(&[], fields.clone()), fields);
    }

    #[test]
    fn a_column_is_known_by_the_name_that_the_operator_gave_and_by_no_other() {
        let fields = json!({ "About me": "I keep bees.", "Bio": "https://example.org/bio", "Shoe Size": 38 });
        assert_eq!(mapped(&[("Bio", "About me")], fields), json!({ "Bio": "I keep bees.", "Shoe Size": 38 }));
        assert_eq!(mapped(&[("Bio", "About me")], json!({ "Bio": "another thing" })), json!({}));
    }

    #[test]
    fn two_columns_may_change_places() {
        let pairs = [("Title", "Headline"), ("Headline", "Title")];
        let fields = json!({ "Title": "Pricing that sticks", "Headline": "CFO" });
        assert_eq!(mapped(&pairs, fields), json!({ "Headline": "Pricing that sticks", "Title": "CFO" }));
    }

    #[test]
    fn a_field_that_the_base_does_not_have_is_left_out() {
        assert_eq!(mapped(&[("Title", "")], json!({ "Title": "Dr.", "Name": "Ada" })), json!({ "Name": "Ada" }));
    }
}
