//! What a peer's output says, parsed as far as the generator and the comparer need it.

use std::collections::BTreeMap;

/// One `pcb` line.
#[derive(Clone, Debug, Default)]
pub struct Pcb {
    pub state: String,
    fields: BTreeMap<String, String>,
}

/// One `tx` line.
#[derive(Clone, Debug, Default)]
pub struct Tx {
    pub slot: i64,
    fields: BTreeMap<String, String>,
}

fn fields(words: &[&str]) -> BTreeMap<String, String> {
    words.iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

fn number(fields: &BTreeMap<String, String>, key: &str) -> i64 {
    let text = fields.get(key).map_or("0", String::as_str);
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

impl Pcb {
    /// The slot and the PCB of a `pcb` line.
    pub fn parse(line: &str) -> Option<(usize, Self)> {
        let words: Vec<&str> = line.split(' ').collect();
        if words.first() != Some(&"pcb") || words.len() < 3 {
            return None;
        }
        Some((words[1].parse().ok()?, Self { state: words[2].to_string(), fields: fields(&words[3..]) }))
    }

    /// A numeric field.
    pub fn num(&self, key: &str) -> i64 {
        number(&self.fields, key)
    }

    /// A field as it stands.
    pub fn text(&self, key: &str) -> &str {
        self.fields.get(key).map_or("", String::as_str)
    }

    /// True where the PCB's flags hold this one.
    pub fn flag(&self, name: &str) -> bool {
        self.text("flags").split('|').any(|f| f == name)
    }

    /// Start and length of what waits in a queue.
    pub fn queue(&self, key: &str) -> Vec<(i64, i64)> {
        self.text(key)
            .split(',')
            .filter_map(|part| part.split_once('+'))
            .filter_map(|(seq, len)| Some((seq.parse().ok()?, len.trim_end_matches(['S', 'F']).parse().ok()?)))
            .collect()
    }
}

impl Tx {
    /// A `tx` line.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        if words.first() != Some(&"tx") || words.len() < 6 {
            return None;
        }
        Some(Self { slot: words[1].parse().ok()?, fields: fields(&words[5..]) })
    }

    /// A numeric field.
    pub fn num(&self, key: &str) -> i64 {
        number(&self.fields, key)
    }

    /// The timestamp it carries.
    pub fn timestamp(&self) -> Option<i64> {
        let (_, rest) = self.fields.get("opts")?.split_once("ts")?;
        rest.split(':').next()?.parse().ok()
    }
}

/// The PCBs by slot; of several the first, which is the active one.
pub fn pcbs(lines: &[String]) -> BTreeMap<usize, Pcb> {
    let mut out = BTreeMap::new();
    for (slot, pcb) in lines.iter().filter_map(|l| Pcb::parse(l)) {
        out.entry(slot).or_insert(pcb);
    }
    out
}
