use std::collections::{BTreeMap, HashMap};
#[derive(Debug, Clone)]
enum Shape { Dot, Line(i32, i32), Text { body: String } }
fn weigh(shape: &Shape) -> i32 {
    match shape {
        Shape::Dot => 1, Shape::Line(a, b) => a * b, Shape::Text { body } => body.len() as i32,
    }
}
fn main() {
    let mut all: HashMap<String, Vec<Shape>> = HashMap::new();
    for (number, word) in std::env::args().enumerate() {
        let shapes = all.entry(word.clone()).or_default();
        shapes.push(Shape::Line(number as i32, 3));
        shapes.push(Shape::Text { body: word });
        shapes.push(Shape::Dot);
    }
    let weights = all.iter().map(|(k, v)| (k, v.iter().map(weigh).sum()));
    let sorted: BTreeMap<_, i32> = weights.collect();
    println!("{sorted:?} {all:?}");
}
