//! Computes the coordinates of each slot: as close to its linked slots as its neighbours allow.

use super::{
    Point,
    order::{Layers, Slot},
};

/// The gap between adjacent boxes.
const GAP: f64 = 28.0;
/// The gap beside an edge that passes through.
const BEND_GAP: f64 = 18.0;
/// The gap between layers.
const LAYER_GAP: f64 = 40.0;
/// The number of sweeps down and up. It is odd so that the last sweep moves each box below its predecessors.
const SWEEPS: usize = 33;
/// The number of final sweeps that straighten edges through several layers.
const STRAIGHTENING: usize = 12;
/// The weight of straight edges relative to centred boxes. In the final sweeps, boxes only make room.
const BEND_WEIGHT: f64 = 6.0;
const STRAIGHT_WEIGHT: f64 = 1_000.0;

#[derive(Debug)]
pub struct Placed {
    pub width: f64,
    pub height: f64,
    /// The upper left corner of each node.
    pub corners: Vec<Point>,
    /// The horizontal centre of each slot, layer by layer.
    pub middles: Vec<Vec<f64>>,
    /// The top and bottom of each layer.
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
    // The minimum distance between the centres of neighbours.
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

/// Moves the layers one by one towards their linked slots, alternately from above and below.
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

/// The mean position of an edge's bends, which is where a straight edge would pass.
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

/// The positions closest to the wanted ones (least squares) that keep their order and the distances `apart`.
///
/// Measured as offsets from the tightest packing, the distance constraint becomes monotonicity, which the
/// pool-adjacent-violators algorithm solves exactly: neighbours that would collide move together to their common mean.
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
    fn positions_without_collisions_are_kept() {
        assert_eq!(closest(&[0.0, 50.0], &[1.0, 1.0], &[10.0]), [0.0, 50.0]);
    }

    #[test]
    fn colliding_positions_move_in_proportion_to_their_weights() {
        assert_eq!(closest(&[0.0, 0.0], &[1.0, 1.0], &[10.0]), [-5.0, 5.0]);
        assert_eq!(closest(&[0.0, 0.0], &[3.0, 1.0], &[10.0]), [-2.5, 7.5]);
    }
}
