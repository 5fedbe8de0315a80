//! The index: tantivy, in memory. Operations are few and rebuilding is cheap, so a new generation of the registry
//! gets a new index instead of updates to the old one.

use std::sync::Arc;

use alkhub_core::registry::Entry;
use tantivy::{
    Index as Tantivy, IndexReader, ReloadPolicy, TantivyDocument, TantivyError, Term,
    collector::TopDocs,
    query::{BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, Query, TermQuery},
    schema::{Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions, Value},
};

use super::document::Document;

/// Most words of a query that count.
const MAX_WORDS: usize = 16;
/// The smallest arena that tantivy accepts.
const ARENA_BYTES: usize = 15_000_000;

/// A search index over one generation of the registry.
pub struct Index {
    /// Generation of the registry that it was built from.
    pub generation: u64,
    reader: IndexReader,
    position: Field,
    fields: Vec<(Field, f32)>,
    entries: Vec<Arc<Entry>>,
}

impl Index {
    /// Builds an index over these operations.
    ///
    /// # Errors
    /// What tantivy says; in memory there is little that can go wrong.
    pub fn build(generation: u64, entries: Vec<Arc<Entry>>) -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("en_stem")
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let position = schema.add_u64_field("position", NumericOptions::default().set_stored());
        let weights = [("id", 4.0), ("title", 3.0), ("tags", 2.0), ("description", 1.5), ("properties", 1.0)];
        let fields: Vec<(Field, f32)> = weights
            .iter()
            .map(|(name, weight)| (schema.add_text_field(name, text.clone()), *weight))
            .collect();
        let index = Tantivy::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, ARENA_BYTES)?;
        for (number, entry) in entries.iter().enumerate() {
            let words = Document::new(entry);
            let mut document = TantivyDocument::new();
            document.add_u64(position, number as u64);
            let texts = [words.id, words.title, words.tags, words.description, words.properties];
            for ((field, _), text) in fields.iter().zip(texts) {
                document.add_text(*field, text);
            }
            writer.add_document(document)?;
        }
        writer.commit()?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { generation, reader, position, fields, entries })
    }

    /// The operations that fit these words, best first, as far as `visible` lets them through.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn search(
        &self,
        words: &str,
        limit: usize,
        visible: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Arc<Entry>>, TantivyError> {
        let Some(query) = self.query(words)? else { return Ok(Vec::new()) };
        let searcher = self.reader.searcher();
        let everything = TopDocs::with_limit(self.entries.len().max(1)).order_by_score();
        let mut found = Vec::new();
        for (_, address) in searcher.search(&query, &everything)? {
            let document: TantivyDocument = searcher.doc(address)?;
            let number =
                document.get_first(self.position).and_then(|value| value.as_u64()).unwrap_or(u64::MAX);
            let entry = usize::try_from(number).ok().and_then(|number| self.entries.get(number));
            if let Some(entry) = entry.filter(|entry| visible(entry)) {
                found.push(entry.clone());
                if found.len() == limit {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Each word may stand in any field; more and better placed words score higher. A word of four letters or more
    /// may differ by one letter, of eight or more by two; exact ones weigh more.
    fn query(&self, words: &str) -> Result<Option<BooleanQuery>, TantivyError> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut tokenizer = self
            .reader
            .searcher()
            .index()
            .tokenizers()
            .get("en_stem")
            .ok_or_else(|| TantivyError::InternalError("the English tokenizer is missing".to_owned()))?;
        let spaced = words.replace(['.', '_', '-'], " ");
        let mut stream = tokenizer.token_stream(&spaced);
        let mut tokens = Vec::new();
        stream.process(&mut |token| tokens.push(token.text.clone()));
        for token in tokens.iter().take(MAX_WORDS) {
            let distance = match token.chars().count() {
                0..=3 => 0,
                4..=7 => 1,
                _ => 2,
            };
            for (field, weight) in &self.fields {
                let term = Term::from_field_text(*field, token);
                let exact = TermQuery::new(term.clone(), IndexRecordOption::WithFreqs);
                clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(exact), *weight))));
                if distance > 0 {
                    let fuzzy = FuzzyTermQuery::new(term.clone(), distance, true);
                    clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(fuzzy), weight * 0.3))));
                    let prefix = FuzzyTermQuery::new_prefix(term, 0, true);
                    clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(prefix), weight * 0.2))));
                }
            }
        }
        Ok((!clauses.is_empty()).then(|| BooleanQuery::new(clauses)))
    }
}
