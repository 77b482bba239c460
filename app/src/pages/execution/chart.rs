//! The state machine as a graph. The table of events is its equivalent for screen readers.

use leptos::prelude::*;

use super::{links::Links, progress};
use crate::{
    components::Glyph,
    desk::{GraphView, StateProgress, StateView, Transition, TransitionKind},
    graph::{Drawing, Edge, FRAME_HEAD, Graph, Node, Point, Rect, Route, lay_out},
};

const BOX_HEIGHT: f64 = 36.0;
/// The length to which the name of a state is shortened. Its title has the full name.
const LONGEST_NAME: usize = 26;
/// Space for the stroke and the ring around the current state.
const MARGIN: f64 = 6.0;

/// The width from which a graph may be drawn smaller than its natural size, in the unit of the layout.
const WIDE: f64 = 880.0;

#[component]
pub fn Chart(graph: GraphView, chosen: Option<String>, links: Links) -> impl IntoView {
    let Drawing { width, height, boxes, routes } = lay_out(&layout_of(&graph));
    let (width, height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let view_box = format!("{} {} {width} {height}", -MARGIN, -MARGIN);
    let states = graph.states.iter().zip(&boxes);
    // Draw frames before their contents, and edges that were not taken before those that were.
    let is_frame = |state: &StateView| graph.states.iter().any(|inner| inner.inside.as_ref() == Some(&state.name));
    let frames = states.clone().filter(|(state, _)| is_frame(state));
    let plain = states.filter(|(state, _)| !is_frame(state));
    let boxes = frames
        .map(|pair| (pair, true))
        .chain(plain.map(|pair| (pair, false)))
        .map(|((state, rect), is_frame)| {
            let is_chosen = chosen.as_ref() == Some(&state.name);
            let href = links.to_state(&state.name);
            view! { <StateBox state=state.clone() href rect=*rect is_frame is_chosen/> }
        })
        .collect_view();
    let mut transitions: Vec<(Transition, Route)> = drawn_transitions(&graph).cloned().zip(routes).collect();
    transitions.sort_by_key(|(transition, _)| transition.taken);
    let edges =
        transitions.into_iter().map(|(transition, route)| view! { <EdgeLine transition route/> }).collect_view();
    let class = if width > WIDE { "state-graph wide-state-graph" } else { "state-graph" };
    view! {
        <svg
            class=class
            viewBox=view_box
            width=width
            height=height
            role="group"
            aria-label="Graph of the states. Arrow keys move from state to state; the selected state is described below."
            data-arrow-keys
        >
            {edges}
            {boxes}
        </svg>
    }
    .into_any()
}

/// The legend of colours and lines. It is hidden from screen readers, which get the states in words.
#[component]
pub fn Legend() -> impl IntoView {
    let shown = [StateProgress::Current, StateProgress::Done, StateProgress::Caught, StateProgress::Failed];
    let boxes = shown.map(|progress| {
        let words = match progress {
            StateProgress::Caught => "failed, caught",
            other => progress::words(other),
        };
        view! {
            <li>
                <svg viewBox="-1 -1 18 14" width="18" height="14">
                    <g class=format!("state still {}", progress::class(progress))><rect width="16" height="12" rx="3"/></g>
                </svg>
                {words}
            </li>
        }
    });
    let lines =
        [("edge taken", "taken"), ("edge", "not taken"), ("edge catch", "on an error")].map(|(class, words)| {
            view! {
                <li>
                    <svg viewBox="0 0 28 14" width="28" height="14">
                        <g class=class><path class="line" d="M0 7h28"/></g>
                    </svg>
                    {words}
                </li>
            }
        });
    view! { <ul class="legend" aria-hidden="true">{boxes.collect_view()} {lines.collect_view()}</ul> }.into_any()
}

/// The transitions whose states are both known. The others cannot be drawn.
fn drawn_transitions(graph: &GraphView) -> impl Iterator<Item = &Transition> {
    let known = |name: &str| graph.states.iter().any(|state| state.name == name);
    graph.transitions.iter().filter(move |transition| known(&transition.from) && known(&transition.to))
}

fn layout_of(graph: &GraphView) -> Graph {
    let place = |name: &str| graph.states.iter().position(|state| state.name == name);
    let nodes = graph
        .states
        .iter()
        .map(|state| Node {
            // A character is 7.6 px wide on average in the widest of the system fonts. The rest is for the icon and
            // padding.
            width: (short(&state.name).chars().count() as f64 * 7.6 + 44.0 + space_at_end(state)).max(112.0),
            height: BOX_HEIGHT,
            inside: state.inside.as_deref().and_then(place),
        })
        .collect();
    let edges = drawn_transitions(graph)
        .filter_map(|transition| Some(Edge { from: place(&transition.from)?, to: place(&transition.to)? }))
        .collect();
    Graph { nodes, edges }
}

/// The width of what follows the name of a state: the number of attempts, and the icon of its progress.
fn space_at_end(state: &StateView) -> f64 {
    match &state.run {
        None => 6.0,
        Some(run) if run.attempts > 1 => 58.0,
        Some(_) => 26.0,
    }
}

#[component]
fn StateBox(state: StateView, href: String, rect: Rect, is_frame: bool, is_chosen: bool) -> impl IntoView {
    let progress = state.run.as_ref().map(|run| run.progress);
    let class = format!(
        "state {}{}{}",
        progress.map_or("plain", progress::class),
        if is_frame { " frame" } else { "" },
        if is_chosen { " chosen" } else { "" },
    );
    let attempts = state.run.as_ref().map(|run| run.attempts).filter(|attempts| *attempts > 1);
    let title = format!(
        "{} ({}){}{}",
        state.name,
        state.kind,
        progress.map(|progress| format!(": {}", progress::words(progress))).unwrap_or_default(),
        attempts.map(|attempts| format!(", {attempts} attempts")).unwrap_or_default(),
    );
    // The name of a frame is at its top.
    let middle = rect.y + if is_frame { FRAME_HEAD } else { rect.height } / 2.0;
    let end = rect.x + rect.width;
    let icon_at = |x: f64| format!("translate({x} {})", middle - 8.0);
    view! {
        <a href=href class=class aria-current=is_chosen.then_some("true") data-in-place>
            <title>{title}</title>
            <rect x=rect.x y=rect.y width=rect.width height=rect.height rx="6"/>
            <path class="state-icon" transform=icon_at(rect.x + 12.0) d=kind_glyph(&state.kind).path()/>
            <text x=rect.x + 36.0 y=middle + 4.5>{short(&state.name)}</text>
            {attempts
                .map(|attempts| {
                    view! { <text class="attempts" x=end - 32.0 y=middle + 4.5 text-anchor="end">{format!("×{attempts}")}</text> }
                })}
            {progress
                .and_then(progress::glyph)
                .map(|glyph| view! { <path class="state-icon" transform=icon_at(end - 26.0) d=glyph.path()/> })}
        </a>
    }
    .into_any()
}

#[component]
fn EdgeLine(transition: Transition, route: Route) -> impl IntoView {
    let kind = match &transition.kind {
        TransitionKind::Next => "edge",
        TransitionKind::Choice => "edge choice",
        TransitionKind::Catch { .. } => "edge catch",
    };
    let class = format!("{kind}{}", if transition.taken { " taken" } else { "" });
    let title = match &transition.kind {
        TransitionKind::Catch { errors } => format!("{} to {} on {errors}", transition.from, transition.to),
        _ => format!("{} to {}", transition.from, transition.to),
    };
    view! {
        <g class=class aria-hidden="true">
            <title>{title}</title>
            <path class="line" d=curve(&route)/>
            <path class="head" d=arrow_head(&route)/>
        </g>
    }
    .into_any()
}

/// A smooth curve through the points that is vertical at each of them.
fn curve(route: &Route) -> String {
    let Some(first) = route.points.first() else { return String::new() };
    let mut d = format!("M{:.1} {:.1}", first.x, first.y);
    for pair in route.points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if a.x == b.x || a.y == b.y {
            d += &format!("L{:.1} {:.1}", b.x, b.y);
        } else {
            let middle = (a.y + b.y) / 2.0;
            d += &format!("C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", a.x, b.x, b.x, b.y);
        }
    }
    d
}

/// The two strokes of an arrow head at the end of an edge.
fn arrow_head(route: &Route) -> String {
    let [.., before, Point { x, y }] = route.points[..] else { return String::new() };
    let (dx, dy) = if before.y == y { ((before.x - x).signum(), 0.0) } else { (0.0, (before.y - y).signum()) };
    let (back_x, back_y, side_x, side_y) = (dx * 6.0, dy * 6.0, dy * 3.5, dx * 3.5);
    format!(
        "M{:.1} {:.1}L{x:.1} {y:.1}L{:.1} {:.1}",
        x + back_x - side_x,
        y + back_y - side_y,
        x + back_x + side_x,
        y + back_y + side_y
    )
}

fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        name.to_owned()
    } else {
        name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
    }
}

fn kind_glyph(kind: &str) -> Glyph {
    match kind {
        "Task" => Glyph::Task,
        "Choice" => Glyph::Diamond,
        "Wait" => Glyph::Clock,
        "Parallel" => Glyph::Branches,
        "Map" => Glyph::Tiles,
        "Succeed" => Glyph::Check,
        "Fail" => Glyph::Cross,
        "Pass" => Glyph::ArrowRight,
        _ => Glyph::Circle,
    }
}
