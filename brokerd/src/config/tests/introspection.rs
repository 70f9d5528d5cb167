//! Asks a type that serde reads which keys it takes: reads it from nothing, again and again, one key further each time.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The innermost keys that a type takes, dotted. The keys of a map are `KEY`, and a list is as what is in it.
pub(super) fn keys_of<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let mut todo: Vec<Vec<Step>> = vec![Vec::new()];
    let mut known = BTreeSet::new();
    while let Some(way) = todo.pop() {
        let seen = RefCell::new(Seen::default());
        // It always ends in an error, there being nothing to read.
        let _ = T::deserialize(Walk { way: &way, seen: &seen });
        let Seen { next, is_word } = seen.into_inner();
        if !is_word {
            known.insert(way.iter().map(|Step(name)| *name).collect::<Vec<_>>().join("."));
        }
        todo.extend(next.into_iter().map(|step| [way.as_slice(), &[step]].concat()));
    }
    let is_inner = |key: &&String| !key.is_empty() && !known.iter().any(|other| other.starts_with(&format!("{key}.")));
    known.iter().filter(is_inner).cloned().collect()
}

/// A key, or a variant, which looks like one in a file.
#[derive(Clone, Copy)]
struct Step(&'static str);

/// What is at the end of a way: the steps that go on from there, or a mere word of an enum.
#[derive(Default)]
struct Seen {
    next: Vec<Step>,
    is_word: bool,
}

#[derive(Clone, Copy)]
struct Walk<'w> {
    way: &'w [Step],
    seen: &'w RefCell<Seen>,
}

impl Walk<'_> {
    /// The next step and what follows it; at the end of the way the steps are noted instead.
    fn step(self, steps: &[&'static str]) -> Result<(&'static str, Self), Error> {
        if let Some((Step(name), way)) = self.way.split_first() {
            return Ok((name, Walk { way, seen: self.seen }));
        }
        self.seen.borrow_mut().next.extend(steps.iter().copied().map(Step));
        Err(Error::custom("the end of the way"))
    }
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing to read"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(One(Some(self)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (name, rest) = self.step(&["KEY"])?;
        visitor.visit_map(Entries { names: vec![name], value: rest })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name.starts_with("$__") {
            // A value with its place: start, end, and the value itself.
            return visitor.visit_map(Entries { names: fields.iter().rev().copied().collect(), value: self });
        }
        let (name, rest) = self.step(fields)?;
        visitor.visit_map(Entries { names: vec![name], value: rest })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (name, rest) = self.step(variants)?;
        visitor.visit_enum(Variant { name, rest })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

struct One<'w>(Option<Walk<'w>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|only| seed.deserialize(only)).transpose()
    }
}

/// From last to first. Only the last one has a value to walk into; before it stand a value's places.
struct Entries<'w> {
    names: Vec<&'static str>,
    value: Walk<'w>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.names.pop().map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        if self.names.is_empty() { seed.deserialize(self.value) } else { seed.deserialize(0_usize.into_deserializer()) }
    }
}

struct Variant<'w> {
    name: &'static str,
    rest: Walk<'w>,
}

impl<'de, 'w> EnumAccess<'de> for Variant<'w> {
    type Error = Error;
    type Variant = Contents<'w>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Contents<'w>), Error> {
        Ok((seed.deserialize(self.name.into_deserializer())?, Contents(self.rest)))
    }
}

struct Contents<'w>(Walk<'w>);

impl<'de> VariantAccess<'de> for Contents<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.0.seen.borrow_mut().is_word = true;
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no file has one"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
