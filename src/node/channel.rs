//! `NativeChannel`: one for each JavaScript thread.

use std::sync::{Arc, Mutex, PoisonError};

use napi::{
    Env, Result, Status,
    bindgen_prelude::{Array, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use super::{
    mailbox::{Mailbox, Payload},
    output,
};

type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 0>;

/// Carries completions to one JavaScript thread.
#[napi]
pub struct NativeChannel {
    pub(super) mailbox: Arc<Mailbox>,
    wake: Arc<Mutex<Option<Wake>>>,
}

#[napi]
impl NativeChannel {
    /// `onReady` is called when completions are waiting, once until `take` has returned null.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, on_ready: Function<'_, (), ()>) -> Result<Self> {
        let wake = on_ready.build_threadsafe_function::<()>().weak::<true>().build()?;
        let wake = Arc::new(Mutex::new(Some(wake)));
        let bell = Arc::clone(&wake);
        let mailbox = Arc::new(Mailbox::new(move || {
            if let Some(wake) = &*bell.lock().unwrap_or_else(PoisonError::into_inner) {
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        }));
        let closing = (Arc::clone(&mailbox), Arc::clone(&wake));
        env.add_env_cleanup_hook(closing, |(mailbox, wake)| {
            mailbox.close();
            drop(wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        })?;
        Ok(Self { mailbox, wake })
    }

    /// Take at most `limit` completions; null when there are none.
    #[napi(catch_unwind)]
    pub fn take<'env>(&self, env: &'env Env, limit: u32) -> Result<Option<Array<'env>>> {
        let Some(completions) = self.mailbox.take(limit as usize) else { return Ok(None) };
        let mut list = env.create_array(u32::try_from(completions.len()).unwrap_or(u32::MAX))?;
        for (index, completion) in (0..).zip(completions) {
            list.set(index, output::completion(env, &completion)?)?;
            if let Payload::Rows(_, credits) = completion.payload {
                credits.give_back();
            }
        }
        Ok(Some(list))
    }

    /// Let the channel keep the process alive, or not.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, on: bool) -> Result<()> {
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wake) = wake.as_mut() else { return Ok(()) };
        #[allow(deprecated, reason = "cloning cannot say that a call in flight keeps the process alive; this can")]
        if on { wake.refer(&env) } else { wake.unref(&env) }
    }

    /// Let go of the thread: nothing comes any more.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.mailbox.close();
        drop(self.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
