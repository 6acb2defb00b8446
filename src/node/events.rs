//! What `NativeClient` has for telemetry alone: packed events.

use std::sync::PoisonError;

use napi::{
    Env, Result,
    bindgen_prelude::{Array, Float64ArraySlice, Int32ArraySlice, Object, Uint8ArraySlice},
};
use napi_derive::napi;

use super::{client::NativeClient, input, mailbox::Outcomes, output};
use crate::{
    client::ClientModule,
    packed::Parcel,
    telemetry::{InsertMode, Telemetry, kinds::OnError, shape},
};

#[napi]
impl NativeClient {
    /// Insert packed events. `mode`: 0 each alone, 1 all or none, 2 leave bad ones out, 3 into stream buffers. With `atOnce` a
    /// lone event is inserted on this thread if that needs no waiting; the answer is then returned, and else null: there is
    /// no answer to come, and the event has not been inserted.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "the packed form is flat on purpose")]
    pub fn insert_events<'env>(
        &self,
        env: &'env Env,
        call: u32,
        mode: u32,
        count: u32,
        tags: Uint8ArraySlice<'_>,
        lengths: Int32ArraySlice<'_>,
        numbers: Float64ArraySlice<'_>,
        texts: Array<'_>,
        at_once: bool,
    ) -> Result<Option<Object<'env>>> {
        let client = self.telemetry.as_ref().ok_or_else(|| napi::Error::from_reason("not a client of telemetry"))?;
        let mut units = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let groups = input::groups(&texts, &mut units)?;
        let cells = count as usize * shape::EVENT.width();
        let tags = tags.get(..cells).unwrap_or(&tags);
        let mode = match mode {
            0 => InsertMode::Each,
            1 => InsertMode::Batch(OnError::Rollback),
            2 => InsertMode::Batch(OnError::Skip),
            _ => InsertMode::Buffer,
        };
        let parcel = Parcel::new(&shape::EVENT, tags.to_vec(), lengths.to_vec(), numbers.to_vec(), groups);
        if at_once {
            let outcomes = client.insert_now(parcel).map(|done| Outcomes::new(done, "insertEvent", Telemetry::report));
            return outcomes.map(|outcomes| output::insert_reply(env, &outcomes)).transpose();
        }
        client.insert_events(parcel, mode, self.reply(call));
        Ok(None)
    }
}
