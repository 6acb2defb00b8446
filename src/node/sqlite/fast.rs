//! What is called most: running, and reading rows.
//!
//! One function does all of it. It is registered with Node-API by hand, and its numbers go through memory that both sides
//! see, in both directions: a store of JavaScript's costs next to nothing, a conversion by Node-API more than SQLite needs
//! for one step. Each copy of the add-on's exports has such memory of its own, which `sqliteShare` hands out.

use std::{
    cell::{Cell as Slot, RefCell},
    ffi::{c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use napi::{Env, Result, Status, bindgen_prelude::Object, sys};
use napi_derive::napi;

use super::{arguments, how, operation, status, table, values};
use crate::{
    error::Error,
    sync_conn::{Amount, Binder, Cell, Connection, Failure, Fetched, Reading, Result as Outcome, Rows, StatementId},
};

/// Cells that cross in one call of `collect`: they are arguments, and go over the stack.
const MOST_CELLS: usize = 512;
/// As many values of a statement come as arguments, or as numbers in the shared memory; more come in an array.
const MOST_VALUES: usize = 12;
/// Position of the first such number.
const NUMBERS: usize = 4;
/// One long text must not hold its memory for ever.
const MOST_TEXT_KEPT: usize = 64 * 1024;

/// Before a call: connection, statement, operation, how, and values that are numbers. After it: status and numbers.
type Numbers = [f64; NUMBERS + MOST_VALUES];

/// What belongs to one copy of the exports.
struct Shared {
    numbers: Slot<*mut Numbers>,
    /// Keeps the array over that memory, and so the memory, alive.
    view: Slot<sys::napi_ref>,
    /// Buffers for the cells of a call and for a text on its way in, kept for the next call.
    buffers: RefCell<(Vec<sys::napi_value>, Vec<u8>)>,
}

/// The functions that are registered by hand.
#[napi(module_exports)]
pub(super) fn export_fast_functions(mut exports: Object<'_>, env: Env) -> Result<()> {
    let shared =
        Shared { numbers: Slot::new(ptr::null_mut()), view: Slot::new(ptr::null_mut()), buffers: RefCell::default() };
    let shared = Box::into_raw(Box::new(shared));
    for (name, function) in FUNCTIONS {
        let mut made = ptr::null_mut();
        let status = unsafe {
            // SAFETY: the name is `length` bytes; `shared` lives as long as the environment, see below.
            let (start, length) = (name.as_ptr().cast::<c_char>(), name.len().cast_signed());
            sys::napi_create_function(env.raw(), start, length, Some(function), shared.cast(), &raw mut made)
        };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_status(Status::from(status)));
        }
        // SAFETY: the value was just made.
        let function = unsafe { napi::bindgen_prelude::Unknown::from_raw_unchecked(env.raw(), made) };
        exports.set(name, function)?;
    }
    // The functions cannot be called any more when the environment is cleaned up.
    env.add_env_cleanup_hook(shared as usize, |shared| {
        // SAFETY: it was made by `Box::into_raw` above, and this runs once.
        drop(unsafe { Box::from_raw(shared as *mut Shared) });
    })?;
    Ok(())
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

const FUNCTIONS: [(&str, Callback); 2] = [("sqliteShare", share), ("sqliteCall", call)];

/// `sqliteShare()`: a Float64Array over the shared numbers, always the same. Whoever has it does not detach its memory.
unsafe extern "C" fn share(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let Some((shared, ..)) = begin(env, info) else { return ptr::null_mut() };
    let mut view = ptr::null_mut();
    if !shared.view.get().is_null() {
        // SAFETY: the reference was made below, in this environment.
        unsafe { sys::napi_get_reference_value(env, shared.view.get(), &raw mut view) };
        return view;
    }
    let (mut data, mut buffer, mut reference) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: an ArrayBuffer has the size that is asked for, begins aligned for any number, and no engine moves its
    // memory; the reference keeps it alive.
    unsafe {
        let made = sys::napi_create_arraybuffer(env, size_of::<Numbers>(), &raw mut data, &raw mut buffer)
            == sys::Status::napi_ok
            && sys::napi_create_typedarray(
                env,
                sys::TypedarrayType::float64_array,
                NUMBERS + MOST_VALUES,
                buffer,
                0,
                &raw mut view,
            ) == sys::Status::napi_ok
            && sys::napi_create_reference(env, view, 1, &raw mut reference) == sys::Status::napi_ok;
        if made {
            shared.numbers.set(data.cast());
            shared.view.set(reference);
        }
    }
    view
}

/// `sqliteCall(collect, ...values)`: do what the shared numbers say.
///
/// - run: to the end. Numbers: changed rows, last rowid; a rowid that is to be a bigint is returned.
/// - query: begin to read. Returns the cells of the first rows, row by row; a single cell as it is, and where it is a
///   number the first of the numbers. The second is the generation of the statement.
/// - resume: read on, otherwise the same.
/// - in transaction: the status says whether one is open.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let Some((shared, arguments, count)) = begin(env, info) else { return ptr::null_mut() };
    let numbers = shared.numbers.get();
    if numbers.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `sqliteShare` has made so many numbers and keeps them alive; only this thread uses them.
    let call = Call::new(env, unsafe { *numbers }, &arguments[..count]);
    // A call within a call (a text is told to JavaScript) finds the buffers lent, and has its own.
    let mut own = (Vec::new(), Vec::new());
    let mut lent = shared.buffers.try_borrow_mut();
    let (cells, text) = lent.as_deref_mut().unwrap_or(&mut own);
    let result = catch_unwind(AssertUnwindSafe(|| call.answer(cells, text)))
        .unwrap_or_else(|_| Err(Failure::Other(Error::Internal("panic in native code".into()))));
    if text.capacity() > MOST_TEXT_KEPT {
        *text = Vec::new();
    }
    let Answer { status, first, second, value } = result.unwrap_or_else(|failure| {
        // An exception that is pending is thrown when we return.
        table::fail(failure);
        Answer { status: status::FAILED, ..Answer::default() }
    });
    // SAFETY: as above.
    unsafe {
        (*numbers)[0] = status.into();
        (*numbers)[1] = first;
        (*numbers)[2] = second;
    }
    value
}

/// The arguments of a call from JavaScript and what it shares with us. `None`: an exception is pending.
fn begin<'c>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> Option<(&'c Shared, [sys::napi_value; 1 + MOST_VALUES], usize)> {
    let mut arguments = [ptr::null_mut(); 1 + MOST_VALUES];
    let (mut count, mut data) = (arguments.len(), ptr::null_mut::<c_void>());
    // SAFETY: Node-API calls us with these; `arguments` has room for `count` values.
    let told = unsafe {
        let this = ptr::null_mut();
        sys::napi_get_cb_info(env, info, &raw mut count, arguments.as_mut_ptr(), this, &raw mut data)
    };
    if told != sys::Status::napi_ok {
        return None;
    }
    // SAFETY: every function is registered with a `Shared` that lives as long as the environment.
    Some((unsafe { &*data.cast::<Shared>() }, arguments, count.min(arguments.len())))
}

struct Answer {
    status: u32,
    first: f64,
    second: f64,
    value: sys::napi_value,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 0, first: 0.0, second: 0.0, value: ptr::null_mut() }
    }
}

/// One call from JavaScript.
struct Call<'c> {
    env: sys::napi_env,
    numbers: Numbers,
    /// `collect` and the values of the statement.
    arguments: &'c [sys::napi_value],
    statement: StatementId,
    how: u32,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "what the facade writes are small whole numbers; rowids are checked"
)]
impl<'c> Call<'c> {
    fn new(env: sys::napi_env, numbers: Numbers, arguments: &'c [sys::napi_value]) -> Self {
        Self { env, numbers, arguments, statement: numbers[1] as StatementId, how: numbers[3] as u32 }
    }

    fn answer(&self, cells: &mut Vec<sys::napi_value>, text: &mut Vec<u8>) -> Outcome<Answer> {
        let connection = table::get(self.numbers[0] as u32)?;
        let bigint = self.how & how::SAFE_INTEGERS != 0;
        match self.numbers[2] as u32 {
            operation::RUN => {
                let (changes, rowid) = connection.run(self.statement, self.values(text))?;
                let answer = Answer { first: changes as f64, second: rowid as f64, ..Answer::default() };
                if !bigint && rowid.unsigned_abs() < 1 << 53 {
                    return Ok(answer);
                }
                let value = values::write(self.env, Cell::Integer(rowid), true)?;
                Ok(Answer { status: status::SINGLE, value, ..answer })
            }
            operation::QUERY => {
                let first = self.how & how::FIRST != 0;
                let amount = if first { Amount::First } else { Amount::UpTo(self.how >> how::SHIFT) };
                let mut rows = Collected::new(self.env, bigint, cells);
                let fetched = connection.query(self.statement, self.values(text), amount, self.reading(), &mut rows)?;
                self.hand_over(&connection, fetched, &rows)
            }
            operation::RESUME => {
                let mut rows = Collected::new(self.env, bigint, cells);
                let limit = self.how >> how::SHIFT;
                let fetched = connection.resume(self.statement, limit, self.reading(), &mut rows)?;
                self.hand_over(&connection, fetched, &rows)
            }
            _ => Ok(Answer { status: connection.in_transaction().into(), ..Answer::default() }),
        }
    }

    fn reading(&self) -> Reading {
        Reading { safe_integers: self.how & how::SAFE_INTEGERS != 0, pluck: self.how & how::PLUCK != 0 }
    }

    /// Binds the values of the call; `None` where what is bound is to be used.
    fn values<'v>(&'v self, text: &'v mut Vec<u8>) -> Option<impl FnOnce(&mut Binder<'_>) -> Outcome<()> + 'v> {
        if self.how & how::BOUND != 0 {
            return None;
        }
        Some(move |binder: &mut Binder<'_>| {
            let values = self.arguments.get(1..).unwrap_or_default();
            if self.how & how::NUMBERS != 0 {
                let count = (self.how >> how::SHIFT_NUMBERS & how::MOST_NUMBERS) as usize;
                return self.numbers[NUMBERS..].iter().take(count).try_for_each(|n| binder.positional(Cell::Real(*n)));
            }
            let in_array = self.how & how::LIST != 0;
            let by_index = self.how & how::BY_INDEX != 0;
            arguments::bind_list(self.env, binder, values, in_array, by_index, text)
        })
    }

    fn hand_over(&self, connection: &Connection, fetched: Fetched, rows: &Collected<'_>) -> Outcome<Answer> {
        let bit = |on: bool, bit: u32| if on { bit } else { 0 };
        let status = bit(fetched.more, status::MORE) | bit(fetched.rows, status::ROWS);
        let second = fetched.generation.into();
        if !fetched.rows {
            return Ok(Answer { status, ..Answer::default() });
        }
        match (rows.number, &rows.cells[..]) {
            (Some(number), []) => Ok(Answer {
                status: status | status::SINGLE | status::NUMBER,
                first: number,
                second,
                ..Answer::default()
            }),
            (None, [cell]) => Ok(Answer { status: status | status::SINGLE, value: *cell, second, ..Answer::default() }),
            (_, cells) => {
                let collect = self.arguments.first().copied().unwrap_or(ptr::null_mut());
                let value = values::call(self.env, collect, cells).inspect_err(|_| {
                    // Nobody will ask for the other rows.
                    let _ = connection.stop(self.statement);
                })?;
                Ok(Answer { status, value, second, ..Answer::default() })
            }
        }
    }
}

/// Collects the cells of rows, to hand them over in one call.
struct Collected<'b> {
    env: sys::napi_env,
    bigint: bool,
    cells: &'b mut Vec<sys::napi_value>,
    /// The first cell, if it is a number and no other has come: it need not become a value.
    number: Option<f64>,
    width: usize,
}

impl<'b> Collected<'b> {
    fn new(env: sys::napi_env, bigint: bool, cells: &'b mut Vec<sys::napi_value>) -> Self {
        cells.clear();
        Self { env, bigint, cells, number: None, width: 0 }
    }
}

impl Rows for Collected<'_> {
    fn cell(&mut self, cell: Cell<'_>) -> Outcome<()> {
        if let Some(number) = self.number.take() {
            self.cells.push(values::write(self.env, Cell::Real(number), false)?);
        } else if self.cells.is_empty() {
            #[allow(clippy::cast_precision_loss, reason = "the core lets no larger integer through")]
            match cell {
                Cell::Integer(integer) if !self.bigint => {
                    self.number = Some(integer as f64);
                    return Ok(());
                }
                Cell::Real(number) => {
                    self.number = Some(number);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.cells.push(values::write(self.env, cell, self.bigint)?);
        Ok(())
    }

    fn row(&mut self) -> bool {
        let count = self.cells.len() + usize::from(self.number.is_some());
        if self.width == 0 {
            self.width = count;
        }
        count + self.width <= MOST_CELLS
    }
}
