//! Assigns each node to the layer below its lowest predecessor.

use super::Edge;

#[derive(Debug)]
pub struct Ranks {
    /// The layer of each node; 0 is the top.
    pub of_node: Vec<usize>,
    /// Whether each edge is a back edge. All other edges lead down.
    pub leads_up: Vec<bool>,
}

impl Ranks {
    pub fn of(nodes: usize, edges: &[Edge]) -> Self {
        let leads_up = edges_back(nodes, edges);
        let mut of_node = vec![0; nodes];
        // Without back edges the graph is acyclic, so its longest path has fewer edges than there are nodes.
        for _ in 0..nodes {
            let mut settled = true;
            for (edge, leads_up) in edges.iter().zip(&leads_up) {
                if !leads_up && edge.from != edge.to && of_node[edge.to] <= of_node[edge.from] {
                    of_node[edge.to] = of_node[edge.from] + 1;
                    settled = false;
                }
            }
            if settled {
                break;
            }
        }
        Self { of_node, leads_up }
    }
}

/// The edges that close a cycle in a depth-first search from the start nodes.
fn edges_back(nodes: usize, edges: &[Edge]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Walk {
        NotYet,
        OnTheWay,
        Done,
    }

    fn walk(node: usize, edges: &[Edge], walked: &mut [Walk], back: &mut [bool]) {
        walked[node] = Walk::OnTheWay;
        for (i, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.from == node && edge.to != node) {
            match walked[edge.to] {
                Walk::NotYet => walk(edge.to, edges, walked, back),
                Walk::OnTheWay => back[i] = true,
                Walk::Done => {}
            }
        }
        walked[node] = Walk::Done;
    }

    let mut walked = vec![Walk::NotYet; nodes];
    let mut back = vec![false; edges.len()];
    let is_start = |node: &usize| !edges.iter().any(|edge| edge.to == *node && edge.from != *node);
    for node in (0..nodes).filter(is_start).chain(0..nodes) {
        if walked[node] == Walk::NotYet {
            walk(node, edges, &mut walked, &mut back);
        }
    }
    back
}
