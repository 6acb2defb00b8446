import { isRecord } from './codec.js';
import { labelsOfTelemetryEvent } from './generated/rows.js';

/** How a cell is encoded; `Tag` of src/packed/parcel.rs. */
const Tag = {
  absent: 0,
  null: 1,
  text: 2,
  number: 3,
  false: 4,
  true: 5,
  invalid: 6,
  repeat: 7,
  noRecord: 255,
} as const;

/** Records whose texts are concatenated: fewer strings to cross, none too long to flatten cheaply. */
const GROUP_RECORDS = 64;
const GROUP_UNITS = 1 << 20;
/** A text of so many units crosses by itself: copying it into a group, and its neighbours with it, would cost more. */
const LONG_UNITS = 1024;
/** Cells for which there is staging from the start. */
const STAGED_CELLS = 4096;
/** Staging for more cells is given back to the garbage collector. */
const KEPT_CELLS = 262_144;

/** Records in the packed form that native code takes. */
export interface PackedRecords {
  count: number;
  tags: Uint8Array;
  lengths: Int32Array;
  numbers: Float64Array;
  texts: string[];
  /** UTF-16 units of all texts. */
  units: number;
}

const idle: Packer[] = [];

/**
 * Packs records of one shape into staging buffers. Those are used again: native code copies them during the call, and who
 * needs them for longer takes copies ({@link keep}). A packer is borrowed, because reading a record may run the
 * caller's code (`toJSON`), which may insert events itself.
 */
export class Packer {
  #tags = new Uint8Array(STAGED_CELLS);
  #lengths = new Int32Array(STAGED_CELLS);
  #numbers = new Float64Array(STAGED_CELLS);
  #texts: string[] = [];
  #cells = 0;
  #lengthCount = 0;
  #numberCount = 0;
  #units = 0;
  #group = '';
  #grouped = 0;
  /** Which columns tend to repeat. */
  #repeating: readonly boolean[] = [];
  /** The labels of the record before, by column. */
  #labels: unknown[] = [];

  /** A packer for records with these columns: `true` where neighbouring records tend to hold the same text. */
  static borrow(repeating: readonly boolean[] = labelsOfTelemetryEvent): Packer {
    const packer = idle.pop() ?? new Packer();
    if (packer.#repeating !== repeating) {
      packer.#repeating = repeating;
      packer.#labels = new Array(repeating.length).fill(undefined);
    }
    return packer;
  }

  giveBack(): void {
    if (this.#tags.length > KEPT_CELLS) return;
    this.#texts = [];
    this.#cells = this.#lengthCount = this.#numberCount = this.#units = this.#grouped = 0;
    this.#group = '';
    this.#labels.fill(undefined);
    idle.push(this);
  }

  /** Add a record by its cells. */
  add(cells: readonly unknown[]): void {
    const width = this.#repeating.length;
    for (let column = 0; column < width; column++) {
      if (this.#repeating[column]) this.label(column, cells[column]);
      else this.cell(cells[column]);
    }
    this.end();
  }

  /** Add an element that is no object. */
  addNoRecord(): void {
    const end = this.#cells + this.#repeating.length;
    if (end > this.#tags.length) this.#grow();
    this.#tags.fill(Tag.absent, this.#cells, end);
    this.#tags[this.#cells] = Tag.noRecord;
    this.#cells = end;
    this.#labels.fill(undefined);
  }

  /** The next cell of the record that is being added. */
  cell(cell: unknown): void {
    let tag: number;
    if (typeof cell === 'string') {
      tag = Tag.text;
      this.#lengths[this.#lengthCount++] = cell.length;
      this.#units += cell.length;
      if (cell.length < LONG_UNITS) this.#group += cell;
      else this.#alone(cell);
    } else if (cell === undefined) {
      tag = Tag.absent;
    } else if (cell === null) {
      tag = Tag.null;
    } else if (typeof cell === 'number') {
      tag = Tag.number;
      this.#numbers[this.#numberCount++] = cell;
    } else {
      tag = cell === true ? Tag.true : cell === false ? Tag.false : Tag.invalid;
    }
    if (this.#cells === this.#tags.length) this.#grow();
    this.#tags[this.#cells++] = tag;
  }

  /** The next cell, of a column that often has the same text as in the record before. */
  label(column: number, cell: unknown): void {
    if (typeof cell === 'string' && this.#labels[column] === cell) {
      if (this.#cells === this.#tags.length) this.#grow();
      this.#tags[this.#cells++] = Tag.repeat;
    } else {
      this.#labels[column] = cell;
      this.cell(cell);
    }
  }

  /** The record has all its cells. */
  end(): void {
    if (++this.#grouped === GROUP_RECORDS || this.#group.length > GROUP_UNITS) this.#endGroup();
  }

  /** The records so far, as views of the staging buffers. */
  finish(): PackedRecords {
    this.#endGroup();
    return {
      count: this.#cells / this.#repeating.length,
      tags: this.#tags.subarray(0, this.#cells),
      lengths: this.#lengths.subarray(0, this.#lengthCount),
      numbers: this.#numbers.subarray(0, this.#numberCount),
      texts: this.#texts,
      units: this.#units,
    };
  }

  #endGroup(): void {
    if (this.#group !== '') this.#texts.push(this.#group);
    this.#group = '';
    this.#grouped = 0;
  }

  #alone(text: string): void {
    this.#endGroup();
    this.#texts.push(text);
  }

  #grow(): void {
    const [tags, lengths, numbers] = [this.#tags, this.#lengths, this.#numbers];
    const cells = tags.length * 2;
    (this.#tags = new Uint8Array(cells)).set(tags);
    (this.#lengths = new Int32Array(cells)).set(lengths);
    (this.#numbers = new Float64Array(cells)).set(numbers);
  }
}

/** The same records in buffers of their own. */
export function keep(packed: PackedRecords): PackedRecords {
  const { tags, lengths, numbers } = packed;
  return { ...packed, tags: tags.slice(), lengths: lengths.slice(), numbers: numbers.slice() };
}

/** Records as they are now, in buffers of their own. What is no object is marked as such. */
export function pack(
  records: readonly unknown[],
  fieldsOf: (record: object) => unknown[],
  repeating: readonly boolean[],
): PackedRecords {
  const packer = Packer.borrow(repeating);
  try {
    // By index: the holes of an array are no records, either.
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (isRecord(record)) packer.add(fieldsOf(record));
      else packer.addNoRecord();
    }
    return keep(packer.finish());
  } finally {
    packer.giveBack();
  }
}
