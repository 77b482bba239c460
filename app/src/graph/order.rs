//! Orders the nodes within each layer to reduce edge crossings.

use super::{Edge, rank::Ranks};

/// An occupant of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Node(usize),
    /// The point where an edge passes through on its way to a farther layer.
    Bend {
        edge: usize,
    },
}

/// The slots of each layer, and the links between adjacent layers.
#[derive(Debug, Clone)]
pub struct Layers {
    pub slots: Vec<Vec<Slot>>,
    /// For each layer but the last: pairs of a place in the layer and a place in the next.
    pub links: Vec<Vec<(usize, usize)>>,
    pub leads_up: Vec<bool>,
}

impl Layers {
    /// The places in the layer above that are linked to `place`.
    pub fn above(&self, layer: usize, place: usize) -> impl Iterator<Item = usize> {
        let links = if layer == 0 { &[][..] } else { &self.links[layer - 1] };
        links.iter().filter(move |(_, lower)| *lower == place).map(|(upper, _)| *upper)
    }

    /// The places in the layer below that are linked to `place`.
    pub fn below(&self, layer: usize, place: usize) -> impl Iterator<Item = usize> {
        let links = self.links.get(layer).map_or(&[][..], Vec::as_slice);
        links.iter().filter(move |(upper, _)| *upper == place).map(|(_, lower)| *lower)
    }

    fn crossings(&self) -> usize {
        self.links
            .iter()
            .map(|links| {
                let crossed = |&(a, b): &(usize, usize)| links.iter().filter(|&&(c, d)| a < c && b > d).count();
                links.iter().map(crossed).sum::<usize>()
            })
            .sum()
    }

    /// Sorts a layer by the mean place of its links to a neighbouring layer. Slots without links keep their place.
    fn sort(&mut self, layer: usize, by_above: bool) {
        let count = self.slots[layer].len();
        let wanted: Vec<f64> = (0..count)
            .map(|place| {
                let joined: Vec<usize> =
                    if by_above { self.above(layer, place).collect() } else { self.below(layer, place).collect() };
                match joined.len() {
                    0 => place as f64,
                    some => joined.iter().sum::<usize>() as f64 / some as f64,
                }
            })
            .collect();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
        self.reorder(layer, &order);
    }

    /// Moves the slot at `order[i]` to place `i`.
    fn reorder(&mut self, layer: usize, order: &[usize]) {
        self.slots[layer] = order.iter().map(|&old| self.slots[layer][old]).collect();
        let mut new_place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            new_place[old] = new;
        }
        if layer > 0 {
            self.links[layer - 1].iter_mut().for_each(|link| link.1 = new_place[link.1]);
        }
        if let Some(links) = self.links.get_mut(layer) {
            links.iter_mut().for_each(|link| link.0 = new_place[link.0]);
        }
    }
}

/// The number of sweeps up and down. Small graphs converge after a few.
const SWEEPS: usize = 12;

pub fn layers(ranks: &Ranks, edges: &[Edge]) -> Layers {
    let mut layers = unordered(ranks, edges);
    let mut best = (layers.crossings(), layers.clone());
    let depth = layers.slots.len();
    for sweep in 0..SWEEPS {
        if sweep % 2 == 0 {
            (1..depth).for_each(|layer| layers.sort(layer, true));
        } else {
            (0..depth.saturating_sub(1)).rev().for_each(|layer| layers.sort(layer, false));
        }
        let crossings = layers.crossings();
        if crossings < best.0 {
            best = (crossings, layers.clone());
        }
    }
    best.1
}

/// The initial layers, with nodes and bends in the order of the input.
fn unordered(ranks: &Ranks, edges: &[Edge]) -> Layers {
    let depth = ranks.of_node.iter().max().map_or(0, |deepest| deepest + 1);
    let mut slots = vec![Vec::new(); depth];
    let mut place_of = Vec::new();
    for (node, &rank) in ranks.of_node.iter().enumerate() {
        place_of.push(slots[rank].len());
        slots[rank].push(Slot::Node(node));
    }
    let mut links = vec![Vec::new(); depth.saturating_sub(1)];
    for (number, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.from != edge.to) {
        let (upper, lower) = if ranks.leads_up[number] { (edge.to, edge.from) } else { (edge.from, edge.to) };
        let mut place = place_of[upper];
        for layer in ranks.of_node[upper]..ranks.of_node[lower] {
            let next = if layer + 1 == ranks.of_node[lower] {
                place_of[lower]
            } else {
                slots[layer + 1].push(Slot::Bend { edge: number });
                slots[layer + 1].len() - 1
            };
            links[layer].push((place, next));
            place = next;
        }
    }
    Layers { slots, links, leads_up: ranks.leads_up.clone() }
}
