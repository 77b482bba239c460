//! Updates part of the page to new HTML from the server. Only differences are changed, so focus, scroll positions,
//! selection and open `<details>` are kept.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Node};

/// The attribute that identifies the version of a row or an entry. The element counts as changed if its version
/// differs.
const VERSION: &str = "data-version";
const CHANGED: &str = "changed";

/// Makes `old`, which is on the page, equal to `new`. Elements whose version changed are tinted and added to `changed`.
pub fn morph(old: &Element, new: &Element, changed: &mut Vec<Element>) -> Result<(), JsValue> {
    if old.is_equal_node(Some(new)) {
        return Ok(());
    }
    let is_changed = old.get_attribute(VERSION) != new.get_attribute(VERSION);
    attributes(old, new)?;
    children(old, new, changed)?;
    if is_changed {
        tint(old, changed)?;
    }
    Ok(())
}

fn attributes(old: &Element, new: &Element) -> Result<(), JsValue> {
    for name in names(new) {
        let value = new.get_attribute(&name);
        if old.get_attribute(&name) != value && !is_user_state(&name) {
            old.set_attribute(&name, &value.unwrap_or_default())?;
        }
    }
    for name in names(old) {
        if !new.has_attribute(&name) && !is_user_state(&name) {
            old.remove_attribute(&name)?;
        }
    }
    Ok(())
}

/// Whether the attribute belongs to the person: `open` of a `<details>`.
fn is_user_state(attribute: &str) -> bool {
    attribute == "open"
}

fn names(element: &Element) -> Vec<String> {
    element.get_attribute_names().iter().filter_map(|name| name.as_string()).collect()
}

fn children(old: &Element, new: &Element, changed: &mut Vec<Element>) -> Result<(), JsValue> {
    let mut here = old.first_child();
    let mut next_new = new.first_child();
    while let Some(new_child) = next_new {
        next_new = new_child.next_sibling();
        match counterpart(old, here.as_ref(), &new_child) {
            Some(old_child) => {
                if here.as_ref() == Some(&old_child) {
                    here = old_child.next_sibling();
                } else {
                    old.insert_before(&old_child, here.as_ref())?;
                }
                match (old_child.dyn_ref::<Element>(), new_child.dyn_ref::<Element>()) {
                    (Some(old_child), Some(new_child)) => morph(old_child, new_child, changed)?,
                    _ if old_child.node_value() != new_child.node_value() => {
                        old_child.set_node_value(new_child.node_value().as_deref());
                    }
                    _ => {}
                }
            }
            None => {
                old.insert_before(&new_child, here.as_ref())?;
                if let Some(element) = new_child.dyn_ref::<Element>().filter(|element| element.has_attribute(VERSION)) {
                    tint(element, changed)?;
                }
            }
        }
    }
    while let Some(gone) = here {
        here = gone.next_sibling();
        old.remove_child(&gone)?;
    }
    Ok(())
}

/// The child of `old` that corresponds to `new_child`: the one with the same id or, if `new_child` has none, the next
/// child if it is of the same kind and has no id either.
fn counterpart(old: &Element, here: Option<&Node>, new_child: &Node) -> Option<Node> {
    let same_kind = |node: &&Node| node.node_name() == new_child.node_name();
    match id(new_child) {
        None => here.filter(same_kind).filter(|node| id(node).is_none()).cloned(),
        Some(wanted) => {
            let mut child = old.first_child();
            while let Some(node) = child {
                if id(&node).as_ref() == Some(&wanted) && same_kind(&&node) {
                    return Some(node);
                }
                child = node.next_sibling();
            }
            None
        }
    }
}

fn id(node: &Node) -> Option<String> {
    node.dyn_ref::<Element>().map(Element::id).filter(|id| !id.is_empty())
}

fn tint(element: &Element, changed: &mut Vec<Element>) -> Result<(), JsValue> {
    element.class_list().add_1(CHANGED)?;
    changed.push(element.clone());
    Ok(())
}
