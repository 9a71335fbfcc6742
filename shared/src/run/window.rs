//! The documents of a run that have entered and not left: which is worked on next, and which may leave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::document::records::Record;
use crate::document::{Document, Section};
use crate::failure::Failure;

/// A document's place in the input, from 0.
pub(super) type Place = u64;

/// What has entered and not left.
#[derive(Debug)]
pub(super) struct Window {
    keeps_order: bool,
    slots: BTreeMap<Place, Slot>,
    entered: Place,
    waiting: VecDeque<Place>,
    in_work: usize,
    /// Who may leave, where the order does not matter.
    done: VecDeque<Place>,
}

#[derive(Debug)]
struct Slot {
    content: Content,
    /// The bytes of the record, at its last document: what the gate is told when that leaves.
    bytes: Option<usize>,
}

#[derive(Debug)]
enum Content {
    Document(Arc<Document>, Progress),
    Refused(Record, Failure),
}

#[derive(Debug)]
enum Progress {
    Waiting,
    InWork,
    Worked(Box<Result<Section, Failure>>),
    PassedOn,
}

/// What leaves.
#[derive(Debug)]
pub(super) enum Leaver {
    /// A document that was worked on.
    Worked(Document, Box<Result<Section, Failure>>),
    /// A document that came too late.
    PassedOn(Document),
    /// A record that is no document.
    Refused(Record, Failure),
}

impl Window {
    pub(super) fn new(keeps_order: bool) -> Self {
        Self {
            keeps_order,
            slots: BTreeMap::new(),
            entered: 0,
            waiting: VecDeque::new(),
            in_work: 0,
            done: VecDeque::new(),
        }
    }

    /// A document enters, to be worked on.
    pub(super) fn enter(&mut self, document: Document, bytes: Option<usize>) {
        self.waiting.push_back(self.entered);
        self.place(Content::Document(Arc::new(document), Progress::Waiting), bytes);
    }

    /// A document enters that came too late.
    pub(super) fn pass_on(&mut self, document: Document, bytes: Option<usize>) {
        let place = self.place(Content::Document(Arc::new(document), Progress::PassedOn), bytes);
        self.note_done(place);
    }

    /// A record enters that is no document.
    pub(super) fn refuse(&mut self, record: Record, failure: Failure, bytes: usize) {
        let place = self.place(Content::Refused(record, failure), Some(bytes));
        self.note_done(place);
    }

    /// The next document to work on, while fewer than `jobs` are. It stays here as well, and so leaves whatever becomes of
    /// the work.
    pub(super) fn begin(&mut self, jobs: usize) -> Option<(Place, Arc<Document>)> {
        if self.in_work >= jobs {
            return None;
        }
        let place = self.waiting.pop_front()?;
        let Content::Document(document, progress) = &mut self.slots.get_mut(&place)?.content else { return None };
        *progress = Progress::InWork;
        self.in_work += 1;
        Some((place, Arc::clone(document)))
    }

    /// The work on a document has ended.
    pub(super) fn end(&mut self, place: Place, worked: Result<Section, Failure>) {
        if let Some(Slot { content: Content::Document(_, progress @ Progress::InWork), .. }) =
            self.slots.get_mut(&place)
        {
            *progress = Progress::Worked(Box::new(worked));
            self.in_work -= 1;
            self.note_done(place);
        }
    }

    /// Nothing more begins: the documents that wait leave as they came.
    pub(super) fn close(&mut self) {
        for place in std::mem::take(&mut self.waiting) {
            if let Some(Slot { content: Content::Document(_, progress), .. }) = self.slots.get_mut(&place) {
                *progress = Progress::PassedOn;
                self.note_done(place);
            }
        }
    }

    /// Who leaves next, and the bytes of its record if that has left with it.
    pub(super) fn leave(&mut self) -> Option<(Leaver, Option<usize>)> {
        let place = if self.keeps_order {
            let (place, slot) = self.slots.first_key_value()?;
            slot.content.is_done().then_some(*place)?
        } else {
            self.done.pop_front()?
        };
        let Slot { content, bytes } = self.slots.remove(&place)?;
        let leaver = match content {
            Content::Refused(record, failure) => Leaver::Refused(record, failure),
            Content::Document(document, Progress::Worked(worked)) => {
                Leaver::Worked(Arc::unwrap_or_clone(document), worked)
            }
            Content::Document(document, _) => Leaver::PassedOn(Arc::unwrap_or_clone(document)),
        };
        Some((leaver, bytes))
    }

    /// How many documents are worked on.
    pub(super) fn in_work(&self) -> usize {
        self.in_work
    }

    /// Whether all that entered has left.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn place(&mut self, content: Content, bytes: Option<usize>) -> Place {
        let place = self.entered;
        self.slots.insert(place, Slot { content, bytes });
        self.entered += 1;
        place
    }

    fn note_done(&mut self, place: Place) {
        if !self.keeps_order {
            self.done.push_back(place);
        }
    }
}

impl Content {
    fn is_done(&self) -> bool {
        !matches!(self, Self::Document(_, Progress::Waiting | Progress::InWork))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Status;

    fn named(id: &str) -> Document {
        let mut document = Document::empty();
        document.set("id", &id);
        document
    }

    fn window(keeps_order: bool, ids: &[&str]) -> Window {
        let mut window = Window::new(keeps_order);
        for id in ids {
            window.enter(named(id), Some(1));
        }
        window
    }

    fn end(window: &mut Window, place: Place) {
        window.end(place, Ok(Section::new("probe", Status::Ok)));
    }

    /// The ids of those that may leave, the ones that were not worked on in brackets.
    fn leaves(window: &mut Window) -> Vec<String> {
        std::iter::from_fn(|| window.leave())
            .map(|(leaver, _)| match leaver {
                Leaver::Worked(document, _) => document.id(),
                Leaver::PassedOn(document) => format!("[{}]", document.id()),
                Leaver::Refused(..) => "[]".to_owned(),
            })
            .collect()
    }

    #[test]
    fn as_many_begin_as_there_are_jobs_in_the_order_in_which_they_came() {
        let mut window = window(true, &["a", "b", "c"]);
        let begun = |window: &mut Window| window.begin(2).map(|(_, document)| document.id());
        assert_eq!(
            [begun(&mut window), begun(&mut window), begun(&mut window)],
            [Some("a".into()), Some("b".into()), None]
        );
        end(&mut window, 1);
        assert_eq!(begun(&mut window), Some("c".into()));
    }

    #[test]
    fn in_order_those_that_have_ended_wait_for_who_came_before_them() {
        let mut window = window(true, &["a", "b", "c"]);
        while window.begin(9).is_some() {}
        end(&mut window, 2);
        end(&mut window, 1);
        assert!(leaves(&mut window).is_empty());
        end(&mut window, 0);
        assert_eq!(leaves(&mut window), ["a", "b", "c"]);
        assert!(window.is_empty() && window.in_work() == 0);
    }

    #[test]
    fn without_order_each_leaves_as_it_ends() {
        let mut window = window(false, &["a", "b", "c"]);
        while window.begin(9).is_some() {}
        end(&mut window, 2);
        assert_eq!(leaves(&mut window), ["c"]);
        end(&mut window, 0);
        assert_eq!(leaves(&mut window), ["a"]);
        assert!(!window.is_empty());
    }

    #[test]
    fn once_it_is_closed_those_that_wait_leave_as_they_came_and_those_in_work_as_they_end() {
        for (keeps_order, before, after) in
            [(true, vec![], vec!["a", "[b]", "[c]"]), (false, vec!["[b]", "[c]"], vec!["a"])]
        {
            let mut window = window(keeps_order, &["a", "b"]);
            window.begin(1);
            window.close();
            window.pass_on(named("c"), None);
            assert!(window.begin(9).is_none());
            assert_eq!(leaves(&mut window), before);
            end(&mut window, 0);
            assert_eq!(leaves(&mut window), after);
        }
    }

    #[test]
    fn work_that_ends_twice_ends_once() {
        let mut window = window(false, &["a", "b"]);
        while window.begin(9).is_some() {}
        end(&mut window, 0);
        end(&mut window, 0);
        assert_eq!((leaves(&mut window), window.in_work()), (vec!["a".to_owned()], 1));
    }
}
