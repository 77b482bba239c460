//! The few pieces of a page that live in the browser. Everything works without them; they keep a page fresh.
