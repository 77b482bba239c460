//! Lays out a directed graph in layers, from top to bottom.
//!
//! This is Sugiyama's method in pure functions: [`rank`] assigns each node to a layer, [`order`] sorts the layers to
//! reduce crossings, [`place`] computes coordinates, and [`route`] draws the edges. A frame (a Parallel or Map state)
//! contains a graph of its own, which is laid out first and then treated as a single node.

mod order;
mod place;
mod rank;
mod route;

use rank::Ranks;

/// The graph to lay out. An edge joins two nodes of the same frame.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The first node without incoming edges is placed at the top.
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// The minimum width: a frame grows to hold its contents.
    pub width: f64,
    pub height: f64,
    /// The frame that contains the node.
    pub inside: Option<usize>,
}

/// An edge between two nodes, given by their indices in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
}

/// The layout, in the unit of the nodes' sizes. Coordinates run from 0 to `width` and `height`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    /// One for each node.
    pub boxes: Vec<Rect>,
    /// One for each edge.
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub fn center_x(self) -> f64 {
        self.x + self.width / 2.0
    }

    pub fn bottom(self) -> f64 {
        self.y + self.height
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// The route of an edge from its source to its target. It starts and ends vertically.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    pub points: Vec<Point>,
}

/// Space above the contents of a frame, for its name.
pub const FRAME_HEAD: f64 = 36.0;
const FRAME_PADDING: f64 = 16.0;

/// Lays out the graph. The result is deterministic.
pub fn lay_out(graph: &Graph) -> Drawing {
    let mut drawing = Drawing {
        boxes: vec![Rect::default(); graph.nodes.len()],
        routes: vec![Route::default(); graph.edges.len()],
        ..Default::default()
    };
    (drawing.width, drawing.height) = lay_out_frame(graph, None, &mut drawing);
    drawing
}

/// Lays out the contents of a frame with the upper left corner at the origin, and returns their size.
fn lay_out_frame(graph: &Graph, frame: Option<usize>, drawing: &mut Drawing) -> (f64, f64) {
    let members: Vec<usize> = (0..graph.nodes.len()).filter(|&i| graph.nodes[i].inside == frame).collect();
    if members.is_empty() {
        return (0.0, 0.0);
    }
    for &member in &members {
        let Node { width, height, .. } = graph.nodes[member];
        let (inner_width, inner_height) = lay_out_frame(graph, Some(member), drawing);
        let size = if inner_width > 0.0 {
            move_contents(graph, member, drawing, FRAME_PADDING, FRAME_HEAD);
            (width.max(inner_width + 2.0 * FRAME_PADDING), inner_height + FRAME_HEAD + FRAME_PADDING)
        } else {
            (width, height)
        };
        drawing.boxes[member] = Rect { width: size.0, height: size.1, ..Default::default() };
    }

    let place_of = |node: usize| members.iter().position(|&member| member == node);
    let (numbers, edges): (Vec<usize>, Vec<Edge>) = graph
        .edges
        .iter()
        .enumerate()
        .filter_map(|(number, edge)| Some((number, Edge { from: place_of(edge.from)?, to: place_of(edge.to)? })))
        .unzip();
    let sizes: Vec<(f64, f64)> =
        members.iter().map(|&member| (drawing.boxes[member].width, drawing.boxes[member].height)).collect();

    let ranks = Ranks::of(members.len(), &edges);
    let layers = order::layers(&ranks, &edges);
    let placed = place::place(&layers, &sizes);
    for (&member, corner) in members.iter().zip(&placed.corners) {
        move_contents(graph, member, drawing, corner.x, corner.y);
        drawing.boxes[member].x = corner.x;
        drawing.boxes[member].y = corner.y;
    }
    let boxes: Vec<Rect> = members.iter().map(|&member| drawing.boxes[member]).collect();
    for (number, route) in numbers.into_iter().zip(route::routes(&layers, &placed, &boxes, &edges)) {
        drawing.routes[number] = route;
    }
    let loops = edges.iter().any(|edge| edge.from == edge.to);
    (placed.width + if loops { route::LOOP } else { 0.0 }, placed.height)
}

/// Moves all contents of a frame, including nested frames.
fn move_contents(graph: &Graph, frame: usize, drawing: &mut Drawing, dx: f64, dy: f64) {
    for node in 0..graph.nodes.len() {
        if graph.nodes[node].inside == Some(frame) {
            drawing.boxes[node].x += dx;
            drawing.boxes[node].y += dy;
            move_contents(graph, node, drawing, dx, dy);
        }
    }
    for (edge, route) in graph.edges.iter().zip(&mut drawing.routes) {
        if graph.nodes[edge.from].inside == Some(frame) {
            for point in &mut route.points {
                point.x += dx;
                point.y += dy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
        Graph {
            nodes: vec![Node { width: 100.0, height: 40.0, inside: None }; nodes],
            edges: edges.iter().map(|&(from, to)| Edge { from, to }).collect(),
        }
    }

    fn overlap(a: Rect, b: Rect) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.bottom() && b.y < a.bottom()
    }

    #[test]
    fn boxes_do_not_overlap_and_lie_within_the_drawing() {
        let graph = graph(9, &[(0, 1), (1, 2), (1, 3), (1, 4), (2, 5), (3, 5), (4, 6), (5, 7), (0, 7), (0, 8), (6, 8)]);
        let drawing = lay_out(&graph);
        for (i, &a) in drawing.boxes.iter().enumerate() {
            assert!(a.x >= 0.0 && a.y >= 0.0, "{i}: {a:?}");
            assert!(a.x + a.width <= drawing.width && a.bottom() <= drawing.height, "{i}: {a:?}");
            for &b in &drawing.boxes[i + 1..] {
                assert!(!overlap(a, b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_successor_is_placed_below_and_the_edge_joins_both_boxes() {
        let graph = graph(5, &[(0, 1), (1, 2), (0, 3), (3, 4), (2, 4), (0, 4)]);
        let drawing = lay_out(&graph);
        for (edge, route) in graph.edges.iter().zip(&drawing.routes) {
            let (from, to) = (drawing.boxes[edge.from], drawing.boxes[edge.to]);
            assert!(from.bottom() < to.y, "{edge:?}");
            let (first, last) = (route.points[0], route.points[route.points.len() - 1]);
            assert_eq!(first.y, from.bottom(), "{edge:?}");
            assert_eq!(last.y, to.y, "{edge:?}");
            assert!(from.x < first.x && first.x < from.x + from.width, "{edge:?}");
            assert!(to.x < last.x && last.x < to.x + to.width, "{edge:?}");
        }
    }

    #[test]
    fn a_long_edge_passes_beside_the_boxes_between_its_ends() {
        let graph = graph(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        let drawing = lay_out(&graph);
        for point in &drawing.routes[3].points[1..drawing.routes[3].points.len() - 1] {
            for inner in [drawing.boxes[1], drawing.boxes[2]] {
                let inside = inner.x <= point.x
                    && point.x <= inner.x + inner.width
                    && inner.y <= point.y
                    && point.y <= inner.bottom();
                assert!(!inside, "{point:?} {inner:?}");
            }
        }
    }

    #[test]
    fn an_edge_through_several_layers_is_straight() {
        // The first of the two layers that the edge passes has wide boxes, the second has none.
        let graph = graph(8, &[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (4, 5), (4, 6), (0, 5), (5, 7)]);
        let points = &lay_out(&graph).routes[7].points;
        assert_eq!(points.len(), 6, "both ends, and the entry and exit of two layers");
        assert!((points[1].x - points[4].x).abs() < 1.0, "{points:?}");
    }

    #[test]
    fn the_back_edge_of_a_cycle_leads_up() {
        let graph = graph(3, &[(0, 1), (1, 2), (2, 0)]);
        let drawing = lay_out(&graph);
        assert!(drawing.boxes[0].y < drawing.boxes[1].y && drawing.boxes[1].y < drawing.boxes[2].y);
        let back = &drawing.routes[2].points;
        assert_eq!(back[0].y, drawing.boxes[2].y, "it leaves at the top of the last box");
        assert_eq!(back[back.len() - 1].y, drawing.boxes[0].bottom());
    }

    #[test]
    fn a_self_loop_is_drawn_beside_its_box() {
        let drawing = lay_out(&graph(1, &[(0, 0)]));
        assert!(drawing.routes[0].points.iter().any(|point| point.x > drawing.boxes[0].width));
        assert!(drawing.routes[0].points.iter().all(|point| point.x <= drawing.width));
    }

    #[test]
    fn parallel_edges_do_not_overlap() {
        let drawing = lay_out(&graph(2, &[(0, 1), (0, 1)]));
        assert_ne!(drawing.routes[0], drawing.routes[1]);
    }

    #[test]
    fn a_frame_holds_its_branches_side_by_side() {
        let mut graph = graph(5, &[(0, 1), (2, 3)]);
        for branch in [2, 3, 4] {
            graph.nodes[branch].inside = Some(1);
        }
        let drawing = lay_out(&graph);
        let frame = drawing.boxes[1];
        for inner in &drawing.boxes[2..] {
            assert!(frame.x < inner.x && inner.x + inner.width < frame.x + frame.width, "{inner:?} {frame:?}");
            assert!(frame.y + FRAME_HEAD <= inner.y && inner.bottom() < frame.bottom(), "{inner:?} {frame:?}");
        }
        assert_eq!(drawing.boxes[2].y, drawing.boxes[4].y, "both branches start at the same height");
        let inner_edge = &drawing.routes[1].points;
        assert_eq!(inner_edge[0].y, drawing.boxes[2].bottom());
    }

    #[test]
    fn an_empty_graph_gives_an_empty_drawing() {
        assert_eq!(lay_out(&Graph::default()), Drawing::default());
    }
}
