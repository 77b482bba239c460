use leptos::prelude::*;
use leptos_meta::Title;

macro_rules! placeholder {
    ($($name:ident $title:literal),*) => {$(
        #[component]
        pub fn $name() -> impl IntoView {
            view! { <Title text=$title/><h1>{$title}</h1> }
        }
    )*};
}

placeholder!(
    TodayPage "Today",
    ApplicationsPage "Applications",
    NewApplicationPage "New application",
    ApplicationPage "Application",
    WaitingPage "Waiting",
    ManualValuationPage "Manual valuation"
);
