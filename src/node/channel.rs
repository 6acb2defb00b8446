//! `NativeChannel`: one for each JavaScript thread.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, Weak, mpsc},
    time::Duration,
};

use napi::{
    Env, Result, Status,
    bindgen_prelude::{Function, Uint8ArraySlice, Unknown},
    sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use super::{
    mailbox::{Mailbox, Payload, Taken},
    output::{self, Memory},
};
use crate::client::Connected;

/// How long a thread that ends without close() waits for the last commits and checkpoints.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);

type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 0>;

/// Carries completions to one JavaScript thread.
#[napi]
pub struct NativeChannel {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) clients: Arc<Clients>,
    /// Not a mutex: JavaScript looks at it while the thread that has woken it is still at it.
    wake: Arc<RwLock<Option<Wake>>>,
}

#[napi]
impl NativeChannel {
    /// `onReady` is called when completions are waiting, once until `take` has said that no more are.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, on_ready: Function<'_, (), ()>) -> Result<Self> {
        let wake = on_ready.build_threadsafe_function::<()>().weak::<true>().build()?;
        let wake = Arc::new(RwLock::new(Some(wake)));
        let bell = Arc::clone(&wake);
        let mailbox = Arc::new(Mailbox::new(move || {
            if let Some(wake) = &*bell.read().unwrap_or_else(PoisonError::into_inner) {
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        }));
        let clients = Arc::<Clients>::default();
        let closing = (Arc::clone(&mailbox), Arc::clone(&wake), Arc::clone(&clients));
        env.add_env_cleanup_hook(closing, |(mailbox, wake, clients)| {
            // Rows that nobody will take must not keep the readers.
            mailbox.close();
            drop(wake.write().unwrap_or_else(PoisonError::into_inner).take());
            clients.leave();
        })?;
        Ok(Self { mailbox, clients, wake })
    }

    /// Take a completion. What it is stands in `memory` (js/native.ts, `Memory`); the result is its payload, or the cells
    /// of its rows, which `collect` makes an array of.
    #[napi(catch_unwind)]
    pub fn take<'env>(
        &self,
        env: &'env Env,
        mut memory: Uint8ArraySlice<'env>,
        collect: Function<'env, (), Unknown<'env>>,
    ) -> Result<Option<Unknown<'env>>> {
        // SAFETY: JavaScript waits for this call and lends the memory to nobody else.
        let mut memory = Memory(unsafe { memory.as_mut() });
        let mut needed = 0;
        let taken = self.mailbox.take(|completion| {
            needed = output::memory_for(completion);
            needed <= memory.0.len()
        });
        let (completion, more) = match taken {
            Taken::Nothing => {
                memory.nothing();
                return Ok(None);
            }
            Taken::Unfit => {
                memory.too_small(needed);
                return Ok(None);
            }
            Taken::One(completion, more) => (completion, more),
        };
        let value = output::completion(env, &completion, more, &mut memory, &collect);
        if let Payload::Rows(rows, credits) = completion.payload {
            credits.give_back(rows);
        }
        value.map(Some)
    }

    /// Let the channel keep the process alive, or not.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, on: bool) -> Result<()> {
        let wake = self.wake.read().unwrap_or_else(PoisonError::into_inner);
        let Some(wake) = wake.as_ref() else { return Ok(()) };
        let set = if on { sys::napi_ref_threadsafe_function } else { sys::napi_unref_threadsafe_function };
        // SAFETY: the function lives while the lock is held, and this is its thread.
        match unsafe { set(env.raw(), wake.raw()) } {
            sys::Status::napi_ok => Ok(()),
            other => Err(napi::Error::from_status(other.into())),
        }
    }

    /// Let go of the thread: nothing comes any more.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.mailbox.close();
        drop(self.wake.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The clients of one JavaScript thread, as long as somebody holds them.
#[derive(Default)]
pub(super) struct Clients(Mutex<Vec<Weak<dyn Connected>>>);

impl Clients {
    /// Remember a client.
    pub(super) fn enrol(&self, client: &Arc<dyn Connected>) {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|known| known.strong_count() > 0);
        clients.push(Arc::downgrade(client));
    }

    /// A thread that ends without close() lets go of its files. It does not wait for longer than a moment: what is
    /// acknowledged is committed, and what is not may be lost.
    fn leave(&self) {
        let (done, ended) = mpsc::channel::<()>();
        for client in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade) {
            let done = done.clone();
            // Where no thread can be started there is nothing to wait for.
            let _ = std::thread::Builder::new().spawn(move || {
                client.close();
                drop(done);
            });
        }
        drop(done);
        let _ = ended.recv_timeout(LEAVE_WITHIN);
    }
}
