//! A stage that works on many documents side by side. All that [`Stage::run`] promises holds here, too.
//!
//! Three parties, so that none keeps another from its work: a thread that reads stdin, whoever works on the documents, and
//! the thread that calls, which alone decides what begins and what leaves, and alone waits for whoever reads stdout.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::gate::Gate;
use super::leaving::Leaving;
use super::progress::Progress;
use super::window::{Leaver, Place, Window};
use super::{Input, Stage};
use crate::codes;
use crate::document::records::{Record, Records};
use crate::document::{Document, Section};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, Written};

/// How documents are worked on side by side.
#[derive(Debug)]
pub struct Abreast<A> {
    /// The most that are worked on at a time.
    pub jobs: usize,
    /// Whether they leave in the order of the input, or each as its work ends.
    pub keeps_order: bool,
    /// Whether a record of stdin enters, by its id; by all of its bytes where it has none. What does not enter does not
    /// leave either: it is another run's.
    pub admits: A,
}

/// A document to work on.
pub struct Job {
    place: Place,
    document: Arc<Document>,
    events: Option<Sender<Event>>,
}

/// What the thread that decides hears of.
enum Event {
    /// A record has entered, of so many bytes.
    Record(Result<Vec<Document>, (Record, Failure)>, usize),
    /// No record is wholly read that has not entered.
    Dry,
    /// There is nothing more to read.
    End(Result<(), Failure>),
    /// The work on a document has ended.
    Worked(Place, Result<Section, Failure>),
}

impl Stage {
    /// Takes every document through work that `begin` gives away, and writes it out as [`run`](Self::run) does. `begin` is
    /// not to wait for the work, which ends with [`Job::end`], on whatever thread.
    ///
    /// A record enters when it is wholly read, and leaves when its turn comes; the input need not have ended. At most four
    /// records for each job are inside at a time: where the first takes longer than all the others, reading pauses.
    ///
    /// After a signal, where the verb listens, the documents in work leave as their work ends, and the others that were read
    /// as they came.
    ///
    /// # Errors
    /// As `run`; `EC9021` also if the operating system has no thread left.
    pub fn run_abreast(
        &self,
        input: Input,
        output: &mut Output,
        how: Abreast<impl Fn(&[u8]) -> bool + Send + 'static>,
        begin: impl FnMut(Job),
    ) -> Result<Exit, Failure> {
        let interrupt = Interrupt::of_process();
        let (tell, events) = mpsc::channel();
        let gate = Arc::new(Gate::new(how.jobs.saturating_mul(4)));
        let mut window = Window::new(how.keeps_order);
        let mut end = None;
        match input {
            Input::Some(documents) => {
                for document in documents {
                    window.enter(document, None);
                }
                end = Some(Ok(()));
            }
            Input::Stdin => {
                let reader = Reader {
                    gate: Arc::clone(&gate),
                    events: tell.clone(),
                    interrupt: interrupt.clone(),
                    admits: how.admits,
                };
                let spawned = thread::Builder::new().name("stdin".to_owned()).spawn(move || reader.read(io::stdin()));
                spawned.map_err(|error| Failure::new(&codes::READ, "cannot read stdin").because(error))?;
            }
        }
        let progress = Progress::of(output);
        let leaving = Leaving::new(*self, output);
        let mut run = Run {
            jobs: how.jobs.max(1),
            begin,
            interrupt,
            gate,
            window,
            leaving,
            tell,
            events,
            end,
            is_dry: true,
            progress,
        };
        run.run()?;
        match run.end {
            // All that came before it has left.
            Some(Err(failure)) => Err(failure),
            _ => run.leaving.end(&run.interrupt),
        }
    }
}

impl Job {
    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Ends the work. A job that is dropped without it, because the work has panicked, ends with `EC9099`.
    pub fn end(mut self, worked: Result<Section, Failure>) {
        self.tell(worked);
    }

    fn tell(&mut self, worked: Result<Section, Failure>) {
        if let Some(events) = self.events.take() {
            // A run that has ended early, for want of a reader, does not listen any more.
            let _ = events.send(Event::Worked(self.place, worked));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.tell(Err(Failure::new(&codes::BUG, "the work on the document was not finished")
            .hint("run the same command again, and please report it")));
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("document", &self.document).finish_non_exhaustive()
    }
}

/// The thread that reads stdin. It cannot be called back from there, so nobody waits for it.
struct Reader<A> {
    gate: Arc<Gate>,
    events: Sender<Event>,
    interrupt: Interrupt,
    admits: A,
}

impl<A: Fn(&[u8]) -> bool> Reader<A> {
    fn read(self, source: impl Read) {
        let ended = self.all(source);
        let _ = self.events.send(Event::End(ended));
    }

    fn all(&self, source: impl Read) -> Result<(), Failure> {
        let mut records = Records::new(source);
        let mut is_more = true;
        loop {
            while let Some(record) = records.take()? {
                let bytes = record.bytes().len();
                self.gate.enter(bytes);
                let _ = self.events.send(Event::Record(self.sieved(record), bytes));
            }
            // What is not read after a signal has not entered.
            if !is_more || self.events.send(Event::Dry).is_err() || self.interrupt.is_raised() {
                return Ok(());
            }
            is_more = records.fill()?;
        }
    }

    /// The documents of a record that are admitted.
    fn sieved(&self, record: Record) -> Result<Vec<Document>, (Record, Failure)> {
        match record.documents() {
            Ok(documents) => Ok(documents.into_iter().filter(|document| self.is_admitted(document)).collect()),
            Err(_) if !(self.admits)(record.bytes()) => Ok(Vec::new()),
            Err(failure) => Err((record, failure)),
        }
    }

    fn is_admitted(&self, document: &Document) -> bool {
        if let Some(id) = document.given_id() {
            return (self.admits)(id.as_bytes());
        }
        let mut line = Vec::new();
        document.write_line(&mut line);
        (self.admits)(&line)
    }
}

/// One run, as the thread that decides sees it.
struct Run<'a, B> {
    jobs: usize,
    begin: B,
    interrupt: Interrupt,
    gate: Arc<Gate>,
    window: Window,
    leaving: Leaving<'a>,
    tell: Sender<Event>,
    events: Receiver<Event>,
    /// How the input has ended, once it has.
    end: Option<Result<(), Failure>>,
    /// Whether all has entered that was read.
    is_dry: bool,
    progress: Progress,
}

impl<B: FnMut(Job)> Run<'_, B> {
    fn run(&mut self) -> Result<(), Failure> {
        loop {
            if self.interrupt.is_raised() {
                self.window.close();
            }
            self.begin();
            if self.let_out()? == Written::ReaderGone || self.is_over() {
                return self.leaving.flush().map(|_| ());
            }
            let event = match self.events.try_recv() {
                Ok(event) => Some(event),
                Err(_) if self.leaving.flush()? == Written::ReaderGone => return Ok(()),
                Err(_) => self.wait(),
            };
            match event {
                Some(Event::Record(Ok(documents), bytes)) => self.enter(documents, bytes),
                Some(Event::Record(Err((record, failure)), bytes)) => self.window.refuse(record, failure, bytes),
                Some(Event::Worked(place, worked)) => self.window.end(place, worked),
                Some(Event::Dry) => self.is_dry = true,
                Some(Event::End(end)) => self.end = Some(end),
                None => {}
            }
        }
    }

    /// Whether nothing more will leave.
    fn is_over(&self) -> bool {
        self.window.is_empty() && (self.end.is_some() || self.interrupt.is_raised() && self.is_dry)
    }

    /// Gives away as many documents as there are jobs.
    fn begin(&mut self) {
        while let Some((place, document)) = self.window.begin(self.jobs) {
            (self.begin)(Job { place, document, events: Some(self.tell.clone()) });
        }
    }

    /// Lets out whoever may leave.
    fn let_out(&mut self) -> Result<Written, Failure> {
        while let Some((leaver, bytes)) = self.window.leave() {
            if let Some(bytes) = bytes {
                self.gate.leave(bytes);
            }
            match leaver {
                Leaver::Worked(document, worked) => {
                    self.progress.count((*worked).as_ref());
                    self.leaving.leave(document, *worked);
                }
                Leaver::PassedOn(document) => self.leaving.pass_on(&document),
                Leaver::Refused(record, failure) => self.leaving.refuse(&record, &failure),
            }
            // Nothing more is done for nobody.
            if self.leaving.flush_in_time()? == Written::ReaderGone {
                return Ok(Written::ReaderGone);
            }
        }
        Ok(Written::Yes)
    }

    fn enter(&mut self, documents: Vec<Document>, bytes: usize) {
        self.is_dry = false;
        let count = documents.len();
        // A list without caches is an answer, too, and so is one of which all are another run's.
        if count == 0 {
            self.leaving.add(Exit::Ok);
            self.gate.leave(bytes);
        }
        for (number, document) in (1..).zip(documents) {
            let bytes = (number == count).then_some(bytes);
            if self.interrupt.is_raised() {
                self.window.pass_on(document, bytes);
            } else {
                self.window.enter(document, bytes);
            }
        }
    }

    /// The next event; none where there is something else to look at.
    fn wait(&mut self) -> Option<Event> {
        // A person does not notice this delay, and a machine not the work.
        const LOOK: Duration = Duration::from_millis(50);
        let event = if self.window.in_work() > 0 || self.interrupt.is_raised() {
            self.events.recv_timeout(LOOK)
        } else {
            self.interrupt.idle(|| self.events.recv())?.map_err(|_| RecvTimeoutError::Disconnected)
        };
        self.progress.tell(self.leaving.output());
        self.leaving.restart_clock();
        event.ok()
    }
}
