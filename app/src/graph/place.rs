//! Where on its layer each slot stands: as close below and above what it is joined to as the others let it.

use super::{
    Point,
    order::{Layers, Slot},
};

/// Between two boxes side by side.
const GAP: f64 = 28.0;
/// Beside an edge that passes through.
const BEND_GAP: f64 = 18.0;
/// Between two layers.
const LAYER_GAP: f64 = 40.0;
/// Down and up this often. Odd, so that the last one moves each box under what leads to it.
const SWEEPS: usize = 33;
/// The last sweeps make straight what passes through several layers.
const STRAIGHTENING: usize = 12;
/// How much more an edge should be straight than a box should be centred; in the last sweeps the boxes only yield.
const BEND_WEIGHT: f64 = 6.0;
const STRAIGHT_WEIGHT: f64 = 1_000.0;

#[derive(Debug)]
pub struct Placed {
    pub width: f64,
    pub height: f64,
    /// The upper left corner of each node.
    pub corners: Vec<Point>,
    /// The middle of each slot, layer by layer.
    pub middles: Vec<Vec<f64>>,
    /// Top and bottom of each layer.
    pub layers: Vec<(f64, f64)>,
}

/// `sizes` are the nodes' widths and heights.
pub fn place(layers: &Layers, sizes: &[(f64, f64)]) -> Placed {
    let width = |slot: &Slot| match slot {
        Slot::Node(node) => sizes[*node].0,
        Slot::Bend { .. } => 0.0,
    };
    let gap = |a: &Slot, b: &Slot| match (a, b) {
        (Slot::Node(_), Slot::Node(_)) => GAP,
        _ => BEND_GAP,
    };
    // How far the middles of two neighbours must be apart.
    let apart: Vec<Vec<f64>> = layers
        .slots
        .iter()
        .map(|slots| {
            slots.windows(2).map(|pair| (width(&pair[0]) + width(&pair[1])) / 2.0 + gap(&pair[0], &pair[1])).collect()
        })
        .collect();
    let mut middles = settle(layers, &apart);

    let left = |layer: usize, place: usize| middles[layer][place] - width(&layers.slots[layer][place]) / 2.0;
    let right = |layer: usize, place: usize| middles[layer][place] + width(&layers.slots[layer][place]) / 2.0;
    let slots = || layers.slots.iter().enumerate().flat_map(|(layer, slots)| (0..slots.len()).map(move |i| (layer, i)));
    let leftmost = slots().map(|(layer, place)| left(layer, place)).fold(f64::INFINITY, f64::min);
    let rightmost = slots().map(|(layer, place)| right(layer, place)).fold(f64::NEG_INFINITY, f64::max);
    middles.iter_mut().flatten().for_each(|middle| *middle -= leftmost);

    let mut corners = vec![Point::default(); sizes.len()];
    let mut bands = Vec::new();
    let mut top = 0.0;
    for (layer, slots) in layers.slots.iter().enumerate() {
        let mut height: f64 = 0.0;
        for (place, slot) in slots.iter().enumerate() {
            if let Slot::Node(node) = slot {
                corners[*node] = Point { x: middles[layer][place] - sizes[*node].0 / 2.0, y: top };
                height = height.max(sizes[*node].1);
            }
        }
        bands.push((top, top + height));
        top += height + LAYER_GAP;
    }
    Placed { width: rightmost - leftmost, height: top - LAYER_GAP, corners, middles, layers: bands }
}

/// Moves layer after layer towards what it is joined to, above and below in turn, until little moves any more.
fn settle(layers: &Layers, apart: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut middles: Vec<Vec<f64>> = apart.iter().map(|apart| side_by_side(apart)).collect();
    let depth = middles.len();
    for sweep in 0..SWEEPS {
        let downwards = sweep % 2 == 0;
        for step in 0..depth {
            let layer = if downwards { step } else { depth - 1 - step };
            let (wanted, weights): (Vec<f64>, Vec<f64>) = (0..middles[layer].len())
                .map(|place| {
                    let is_straightening = sweep >= SWEEPS - STRAIGHTENING;
                    let edge = match layers.slots[layer][place] {
                        Slot::Node(_) => None,
                        Slot::Bend { edge } => Some(edge),
                    };
                    if let Some(edge) = edge.filter(|_| is_straightening) {
                        return (mean_of_bends(layers, &middles, edge), STRAIGHT_WEIGHT);
                    }
                    let above: Vec<f64> = layers.above(layer, place).map(|i| middles[layer - 1][i]).collect();
                    let below: Vec<f64> = layers.below(layer, place).map(|i| middles[layer + 1][i]).collect();
                    let joined = if downwards && !above.is_empty() || below.is_empty() { above } else { below };
                    let wanted = match joined.len() {
                        0 => middles[layer][place],
                        some => joined.iter().sum::<f64>() / some as f64,
                    };
                    (wanted, if edge.is_some() { BEND_WEIGHT } else { 1.0 })
                })
                .unzip();
            middles[layer] = closest(&wanted, &weights, &apart[layer]);
        }
    }
    middles
}

/// Where an edge passes on average; a straight one always passes there.
fn mean_of_bends(layers: &Layers, middles: &[Vec<f64>], edge: usize) -> f64 {
    let passes: Vec<f64> = layers
        .slots
        .iter()
        .zip(middles)
        .flat_map(|(slots, middles)| slots.iter().zip(middles))
        .filter(|(slot, _)| **slot == Slot::Bend { edge })
        .map(|(_, middle)| *middle)
        .collect();
    passes.iter().sum::<f64>() / passes.len() as f64
}

fn side_by_side(apart: &[f64]) -> Vec<f64> {
    std::iter::once(0.0)
        .chain(apart.iter().scan(0.0, |x, apart| {
            *x += apart;
            Some(*x)
        }))
        .collect()
}

/// The places closest to the wanted ones (least squares) that keep their order and are `apart` from each other.
///
/// Measured from where they would stand side by side, "apart" becomes "not decreasing", which the pool-adjacent-
/// violators algorithm solves exactly: neighbours that would collide move as one to their common mean.
fn closest(wanted: &[f64], weights: &[f64], apart: &[f64]) -> Vec<f64> {
    struct Pool {
        mean: f64,
        weight: f64,
        count: usize,
    }

    let offsets = side_by_side(apart);
    let mut pools: Vec<Pool> = Vec::new();
    for ((wanted, weight), offset) in wanted.iter().zip(weights).zip(&offsets) {
        let mut pool = Pool { mean: wanted - offset, weight: *weight, count: 1 };
        while let Some(left) = pools.pop_if(|left| left.mean > pool.mean) {
            let weight = left.weight + pool.weight;
            pool = Pool {
                mean: (left.mean * left.weight + pool.mean * pool.weight) / weight,
                weight,
                count: left.count + pool.count,
            };
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean, pool.count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_do_not_collide_stand_where_they_want() {
        assert_eq!(closest(&[0.0, 50.0], &[1.0, 1.0], &[10.0]), [0.0, 50.0]);
    }

    #[test]
    fn those_that_collide_share_the_way_by_their_weights() {
        assert_eq!(closest(&[0.0, 0.0], &[1.0, 1.0], &[10.0]), [-5.0, 5.0]);
        assert_eq!(closest(&[0.0, 0.0], &[3.0, 1.0], &[10.0]), [-2.5, 7.5]);
    }
}
