//! The index: tantivy, in memory. It follows the registry by differences, so that one spoke which comes or goes does
//! not cost the work of all.

use std::{collections::HashMap, sync::Arc};

use alkhub_core::{Registry, registry::Entry};
use parking_lot::{Mutex, RwLock};
use tantivy::{
    Index as Tantivy, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError, Term,
    collector::TopDocs,
    query::{BooleanQuery, BoostQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, Query, TermQuery},
    schema::{Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions},
    tokenizer::TextAnalyzer,
};

use super::{document::Document, words};

/// Most words of a query that count.
const MAX_WORDS: usize = 16;
/// The smallest arena that tantivy accepts.
const ARENA_BYTES: usize = 15_000_000;
/// Results that are looked at for each one wanted, at first: some the caller may not see.
const SPARE: usize = 4;
/// What the other places of a word count, beside the best.
const TIE: f32 = 0.3;

/// A search index over the operations of a registry.
pub struct Index {
    reader: IndexReader,
    key: Field,
    fields: Vec<(Field, f32)>,
    tokenizer: TextAnalyzer,
    writing: Mutex<Writing>,
    /// Operations by the number that stands for them in the index.
    entries: RwLock<HashMap<u64, Arc<Entry>>>,
}

struct Writing {
    writer: IndexWriter,
    /// Generation of the registry that the index shows.
    generation: Option<u64>,
    /// Numbers by operation, which its address stands for as long as `entries` holds it.
    keys: HashMap<usize, u64>,
    next: u64,
}

impl Index {
    /// An empty index.
    ///
    /// # Errors
    /// What tantivy says; in memory there is little that can go wrong.
    pub fn new() -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let text = |records| {
            let indexing = TextFieldIndexing::default().set_tokenizer("en_stem").set_index_option(records);
            TextOptions::default().set_indexing_options(indexing)
        };
        let key = schema.add_u64_field("key", NumericOptions::default().set_indexed().set_fast());
        // A name that says a word twice says it no more than one that says it once.
        let (once, often) = (IndexRecordOption::Basic, IndexRecordOption::WithFreqs);
        let weights = [
            ("id", 4.0, once),
            ("title", 3.0, once),
            ("tags", 2.0, once),
            ("description", 1.5, often),
            ("input", 0.7, once),
            ("output", 0.3, once),
        ];
        let fields = weights
            .iter()
            .map(|(name, weight, records)| (schema.add_text_field(name, text(*records)), *weight))
            .collect();
        let index = Tantivy::create_in_ram(schema.build());
        let writer = index.writer_with_num_threads(1, ARENA_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let tokenizer = index
            .tokenizers()
            .get("en_stem")
            .ok_or_else(|| TantivyError::InternalError("the English tokenizer is missing".to_owned()))?;
        let writing = Mutex::new(Writing { writer, generation: None, keys: HashMap::new(), next: 0 });
        Ok(Self { reader, key, fields, tokenizer, writing, entries: RwLock::default() })
    }

    /// Whether the index shows the registry as it is now.
    #[must_use]
    pub fn is_current(&self, registry: &Registry) -> bool {
        // Somebody who brings it up to date says that it is not.
        self.writing.try_lock().is_some_and(|writing| writing.generation == Some(registry.generation()))
    }

    /// Brings the index to what the registry is now. Takes long where much is new.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn follow(&self, registry: &Registry) -> Result<(), TantivyError> {
        let mut writing = self.writing.lock();
        let generation = registry.generation();
        if writing.generation == Some(generation) {
            return Ok(());
        }
        let now = registry.all();
        let mut gone = std::mem::take(&mut writing.keys);
        let mut changes = 0;
        for entry in now {
            let address = Arc::as_ptr(&entry) as usize;
            if let Some(key) = gone.remove(&address) {
                writing.keys.insert(address, key);
                continue;
            }
            let key = writing.next;
            writing.next += 1;
            writing.writer.add_document(self.document(key, &entry))?;
            writing.keys.insert(address, key);
            self.entries.write().insert(key, entry);
            changes += 1;
        }
        for key in gone.values() {
            writing.writer.delete_term(Term::from_field_u64(self.key, *key));
            changes += 1;
        }
        if changes > 0 {
            writing.writer.commit()?;
            self.reader.reload()?;
        }
        let mut entries = self.entries.write();
        for key in gone.values() {
            entries.remove(key);
        }
        writing.generation = Some(generation);
        Ok(())
    }

    fn document(&self, key: u64, entry: &Entry) -> TantivyDocument {
        let words = Document::new(entry);
        let mut document = TantivyDocument::new();
        document.add_u64(self.key, key);
        let texts = [words.id, words.title, words.tags, words.description, words.input, words.output];
        for ((field, _), text) in self.fields.iter().zip(texts) {
            document.add_text(*field, text);
        }
        document
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
        let searcher = self.reader.searcher();
        let Some(query) = self.query(&searcher, words)? else { return Ok(Vec::new()) };
        let all = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let mut wanted = limit.saturating_mul(SPARE).max(1);
        loop {
            let ranked =
                searcher.search(&query, &TopDocs::with_limit(wanted.min(all.max(1))).order_by_score())?;
            let exhausted = ranked.len() < wanted;
            let mut found = Vec::new();
            let entries = self.entries.read();
            for (_, address) in ranked {
                let keys = searcher.segment_reader(address.segment_ord).fast_fields().u64("key")?;
                let entry = keys.first(address.doc_id).and_then(|key| entries.get(&key));
                if let Some(entry) = entry.filter(|entry| visible(entry)) {
                    found.push(entry.clone());
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            if exhausted || wanted >= all {
                return Ok(found);
            }
            drop(entries);
            // The caller sees few of these: look at many more before giving up.
            wanted = wanted.saturating_mul(16);
        }
    }

    /// Each word may stand in any field; more and better placed words score higher, and of the places of one word
    /// the best counts most. A word that no operation has stands for those that begin with it or are near: one letter
    /// of four or more may differ, two of eight or more.
    fn query(&self, searcher: &Searcher, words: &str) -> Result<Option<BooleanQuery>, TantivyError> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in words::of_query(&self.tokenizer, words).iter().take(MAX_WORDS) {
            let mut places: Vec<Box<dyn Query>> = Vec::new();
            let mut known = false;
            for (number, like) in word.like.iter().enumerate() {
                let weight = if number == 0 { 1.0 } else { words::LIKE };
                for (field, of_field) in &self.fields {
                    let term = Term::from_field_text(*field, like);
                    if searcher.doc_freq(&term)? > 0 {
                        known |= number == 0;
                        let exact = TermQuery::new(term, IndexRecordOption::WithFreqs);
                        places.push(Box::new(BoostQuery::new(Box::new(exact), of_field * weight)));
                    }
                }
            }
            if !known {
                self.near(&word.like[0], &mut places);
            }
            clauses.push((Occur::Should, Box::new(DisjunctionMaxQuery::with_tie_breaker(places, TIE))));
        }
        Ok((!clauses.is_empty()).then(|| BooleanQuery::new(clauses)))
    }

    fn near(&self, word: &str, places: &mut Vec<Box<dyn Query>>) {
        let distance = match word.chars().count() {
            0..=3 => 0,
            4..=7 => 1,
            _ => 2,
        };
        for (field, weight) in &self.fields {
            let term = Term::from_field_text(*field, word);
            if distance > 0 {
                let near = FuzzyTermQuery::new(term.clone(), distance, true);
                places.push(Box::new(BoostQuery::new(Box::new(near), weight * 0.3)));
            }
            let prefix = FuzzyTermQuery::new_prefix(term, 0, true);
            places.push(Box::new(BoostQuery::new(Box::new(prefix), weight * 0.2)));
        }
    }
}
