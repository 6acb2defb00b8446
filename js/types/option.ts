/**
 * Options of calls.
 */

/** Options of a read. */
export interface ReadOptions {
  /** Aborting rejects the call with `signal.reason` and interrupts its SQL. */
  signal?: AbortSignal;
}

/** Options of an iterator. */
export interface PageOptions extends ReadOptions {
  /**
   * Rows fetched at a time; integer ≥ 1.
   *
   * @defaultValue 1000
   */
  pageSize?: number;
}

/** Options of a batch insert. */
export interface BatchOptions {
  /**
   * `'rollback'`: the first bad event rejects the batch. `'skip'`: the others are stored.
   *
   * @defaultValue `'rollback'`
   */
  onError?: 'rollback' | 'skip';
}

/** Options of a maintenance call. */
export interface ProgressOptions {
  /** Called at most ten times a second; `total` is `null` where SQLite does not tell. */
  onProgress?: (p: { operation: string; done: number; total: number | null }) => void;
}
