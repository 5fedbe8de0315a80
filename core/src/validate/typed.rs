//! Reading JSON text into a type and checking it against a [`Plan`] in the same pass. An error only says that the
//! plan did not accept the text; whether the schema does is for the schema to say.

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::plan::{
    ANY, ARRAY, BOOLEAN, EXACT, FRACTION, INTEGER, NULL, Node, OBJECT, Object, Place, Plan, Rules, STRING,
};

/// The value, where type and plan accept the text.
pub(super) fn read<T: DeserializeOwned>(plan: &Plan, text: &[u8]) -> Option<T> {
    let mut text = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Checked { plan, place: plan.root(), inner: &mut text }).ok()?;
    text.end().ok()?;
    Some(value)
}

fn unsure<E: Error>() -> E {
    E::custom("not accepted while reading")
}

/// A deserializer whose values are checked.
struct Checked<'p, D> {
    plan: &'p Plan,
    place: Place,
    inner: D,
}

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            match self.plan.at(self.place) {
                Node::Any => self.inner.$method(visitor),
                Node::Unsure => Err(unsure()),
                Node::Rules(rules) => {
                    self.inner.$method(Watch { plan: self.plan, place: self.place, rules, inner: visitor })
                }
            }
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Checked<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_unit deserialize_seq deserialize_map deserialize_identifier
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // Not as a struct, which serde_json reads from an array too.
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // By this name serde_json keeps a value as it is written.
        if name.starts_with("$serde_json") {
            return match self.plan.at(self.place) {
                Node::Any => self.inner.deserialize_newtype_struct(name, visitor),
                _ => Err(unsure()),
            };
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        match self.plan.at(self.place) {
            Node::Any => self.inner.deserialize_enum(name, variants, visitor),
            Node::Unsure => Err(unsure()),
            Node::Rules(rules) => self.inner.deserialize_str(Variant { rules, inner: visitor }),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        match self.plan.at(self.place) {
            Node::Any => self.inner.deserialize_ignored_any(visitor),
            // What is skipped is not seen.
            _ => Err(unsure()),
        }
    }
}

impl Rules {
    fn admit<E: Error>(&self, types: u8) -> Result<(), E> {
        if self.types & types == 0 { Err(unsure()) } else { Ok(()) }
    }

    fn judge<E: Error>(&self, value: impl FnOnce() -> Value) -> Result<(), E> {
        match &self.judge {
            Some(judge) if !judge.is_valid(&value()) => Err(unsure()),
            _ => Ok(()),
        }
    }

    fn text<E: Error>(&self, text: &str) -> Result<(), E> {
        self.admit(STRING)?;
        if self.length != (0, u64::MAX) {
            let length = text.chars().count() as u64;
            if length < self.length.0 || length > self.length.1 {
                return Err(unsure());
            }
        }
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.iter().any(|one| one == text)) {
            return Err(unsure());
        }
        self.judge(|| Value::from(text))
    }

    fn number<E: Error>(&self, number: f64) -> Result<(), E> {
        let ((low, above), (high, below)) = (self.range.low, self.range.high);
        let is_in = (if above { number > low } else { number >= low })
            && (if below { number < high } else { number <= high });
        if is_in { Ok(()) } else { Err(unsure()) }
    }

    fn integer<E: Error>(&self, number: Option<i64>) -> Result<(), E> {
        self.admit(INTEGER)?;
        #[allow(clippy::cast_precision_loss, reason = "only what is exact is accepted")]
        let float = number.map(|number| number as f64).filter(|float| float.abs() <= EXACT);
        self.number(float.ok_or_else(unsure)?)?;
        self.judge(|| Value::from(number))
    }
}

/// A visitor that sees what the type's own visitor sees, and judges it first.
struct Watch<'p, V> {
    plan: &'p Plan,
    place: Place,
    rules: &'p Rules,
    inner: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(formatter)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.rules.admit(BOOLEAN)?;
        self.rules.judge(|| Value::from(value))?;
        self.inner.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.rules.integer(Some(value))?;
        self.inner.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.rules.integer(i64::try_from(value).ok())?;
        self.inner.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.rules.admit(FRACTION)?;
        self.rules.number(value)?;
        self.rules.judge(|| Value::from(value))?;
        self.inner.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.rules.text(value)?;
        self.inner.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.rules.text(value)?;
        self.inner.visit_borrowed_str(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        self.rules.text(&value)?;
        self.inner.visit_string(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.rules.admit(NULL)?;
        self.rules.judge(|| Value::Null)?;
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.rules.admit(NULL)?;
        self.rules.judge(|| Value::Null)?;
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Checked { plan: self.plan, place: self.place, inner })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.rules.admit(ARRAY)?;
        let array = &self.rules.array;
        let mut items = Items { plan: self.plan, place: array.items, count: 0, most: array.count.1, inner };
        let value = self.inner.visit_seq(&mut items)?;
        if items.count < array.count.0 { Err(unsure()) } else { Ok(value) }
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.rules.admit(OBJECT)?;
        let object = &self.rules.object;
        let mut fields = Fields { plan: self.plan, object, seen: 0, next: 0, place: ANY, inner };
        let value = self.inner.visit_map(&mut fields)?;
        if fields.seen == object.required { Ok(value) } else { Err(unsure()) }
    }
}

/// The name of a variant, checked as the text that it is.
struct Variant<'p, V> {
    rules: &'p Rules,
    inner: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Variant<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(formatter)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.rules.text(value)?;
        self.inner.visit_enum(StrDeserializer::new(value))
    }
}

struct Items<'p, A> {
    plan: &'p Plan,
    place: Place,
    count: u64,
    most: u64,
    inner: A,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let item = self.inner.next_element_seed(At { plan: self.plan, place: self.place, seed })?;
        self.count += u64::from(item.is_some());
        if self.count > self.most { Err(unsure()) } else { Ok(item) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

struct Fields<'p, A> {
    plan: &'p Plan,
    object: &'p Object,
    /// Bits of the required properties that were read.
    seen: u64,
    /// The property that is expected next; most texts keep to the declared order.
    next: usize,
    /// Where the value of the last key is judged.
    place: Place,
    inner: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut found = Found::Not;
        let key = Key { object: self.object, next: self.next, found: &mut found, inner: seed };
        let key = self.inner.next_key_seed(key)?;
        if key.is_some() {
            self.place = match found {
                Found::Declared(index) => {
                    let property = &self.object.properties[index];
                    self.seen |= property.required;
                    self.next = index + 1;
                    property.place
                }
                Found::Other => self.object.others.ok_or_else(unsure)?,
                Found::Not => return Err(unsure()),
            };
        }
        Ok(key)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(At { plan: self.plan, place: self.place, seed })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// A seed whose value is checked.
struct At<'p, S> {
    plan: &'p Plan,
    place: Place,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for At<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Checked { plan: self.plan, place: self.place, inner })
    }
}

/// Which property a key names.
enum Found {
    /// The key has not been seen as text.
    Not,
    Declared(usize),
    Other,
}

/// Seed, deserializer and visitor of a key in turn: whoever reads it, its text is looked up.
struct Key<'o, T> {
    object: &'o Object,
    next: usize,
    found: &'o mut Found,
    inner: T,
}

impl<T> Key<'_, T> {
    fn look_up(&mut self, name: &str) {
        let properties = &self.object.properties;
        let index = match properties.get(self.next) {
            Some(expected) if expected.name == name => Some(self.next),
            _ => properties.iter().position(|property| property.name == name),
        };
        *self.found = index.map_or(Found::Other, Found::Declared);
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let Key { object, next, found, inner: seed } = self;
        seed.deserialize(Key { object, next, found, inner })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Key<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Key { object, next, found, inner } = self;
        inner.deserialize_str(Key { object, next, found, inner: visitor })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Key<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(formatter)
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<V::Value, E> {
        self.look_up(value);
        self.inner.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(mut self, value: &'de str) -> Result<V::Value, E> {
        self.look_up(value);
        self.inner.visit_borrowed_str(value)
    }

    fn visit_string<E: Error>(mut self, value: String) -> Result<V::Value, E> {
        self.look_up(&value);
        self.inner.visit_string(value)
    }
}
