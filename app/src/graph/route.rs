//! Computes the route of each edge through its bends.

use super::{
    Edge, Point, Rect, Route,
    order::{Layers, Slot},
    place::Placed,
};

/// The width of a self-loop beside its box.
pub const LOOP: f64 = 28.0;
/// The gap between edges that meet the same side of a box.
const PORT_GAP: f64 = 16.0;

pub fn routes(layers: &Layers, placed: &Placed, boxes: &[Rect], edges: &[Edge]) -> Vec<Route> {
    let mut routes: Vec<Route> = edges
        .iter()
        .enumerate()
        .map(
            |(number, edge)| {
                if edge.from == edge.to { around(boxes[edge.from]) } else { bends(layers, placed, number) }
            },
        )
        .collect();

    // Place the upper and lower ends. The ends on one side of a box are in the order of their directions, so that edges
    // do not cross there.
    for (node, rect) in boxes.iter().enumerate() {
        for is_bottom in [true, false] {
            let mut ports: Vec<(f64, usize)> = edges
                .iter()
                .enumerate()
                .filter(|(_, edge)| edge.from != edge.to)
                .filter(|(number, edge)| upper_and_lower(layers, *number, edge, is_bottom) == node)
                .map(|(number, edge)| {
                    let other = boxes[upper_and_lower(layers, number, edge, !is_bottom)].center_x();
                    let points = &routes[number].points;
                    let next = if is_bottom { points.first() } else { points.last() };
                    (next.map_or(other, |point| point.x), number)
                })
                .collect();
            ports.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let gap = PORT_GAP.min(rect.width / (ports.len() as f64 + 1.0));
            let first = rect.center_x() - gap * (ports.len() as f64 - 1.0) / 2.0;
            for (i, (_, number)) in ports.iter().enumerate() {
                let x = first + gap * i as f64;
                ends_at(
                    &mut routes[*number],
                    is_bottom,
                    Point { x, y: if is_bottom { rect.bottom() } else { rect.y } },
                );
            }
        }
    }
    for (route, leads_up) in routes.iter_mut().zip(&layers.leads_up) {
        if *leads_up {
            route.points.reverse();
        }
    }
    routes
}

/// The upper or lower node of an edge.
fn upper_and_lower(layers: &Layers, number: usize, edge: &Edge, upper: bool) -> usize {
    if upper != layers.leads_up[number] { edge.from } else { edge.to }
}

/// The points of an edge in the layers that it passes: vertically from the top to the bottom of each.
fn bends(layers: &Layers, placed: &Placed, number: usize) -> Route {
    let mut points = Vec::new();
    for (layer, slots) in layers.slots.iter().enumerate() {
        for (place, slot) in slots.iter().enumerate() {
            if *slot == (Slot::Bend { edge: number }) {
                let (x, (top, bottom)) = (placed.middles[layer][place], placed.layers[layer]);
                points.extend([Point { x, y: top }, Point { x, y: bottom }]);
            }
        }
    }
    Route { points }
}

fn ends_at(route: &mut Route, upper: bool, end: Point) {
    if upper { route.points.insert(0, end) } else { route.points.push(end) }
}

/// The route of a self-loop: out of the right side of the box and back into it.
fn around(rect: Rect) -> Route {
    let (x, middle) = (rect.x + rect.width, rect.y + rect.height / 2.0);
    Route {
        points: vec![
            Point { x, y: middle - 8.0 },
            Point { x: x + LOOP - 8.0, y: middle - 8.0 },
            Point { x: x + LOOP - 8.0, y: middle + 8.0 },
            Point { x, y: middle + 8.0 },
        ],
    }
}
