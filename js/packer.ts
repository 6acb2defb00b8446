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

const WIDTH = labelsOfTelemetryEvent.length;
/** Records whose texts are concatenated: fewer strings to cross, none too long to flatten cheaply. */
const GROUP_RECORDS = 64;
const GROUP_UNITS = 1 << 20;
/** A text of so many units crosses by itself: copying it into a group, and its neighbours with it, would cost more. */
const LONG_UNITS = 1024;
/** Staging above this many records is given back to the garbage collector. */
const KEPT_RECORDS = 16_384;

/** Event records in the packed form that `insertEvents` takes. */
export interface PackedEvents {
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
 * Packs event records into staging buffers. Those are used again: native code copies them during the call, and who
 * needs them for longer takes copies ({@link keep}). A packer is borrowed, because reading a record may run the
 * caller's code (`toJSON`), which may insert events itself.
 */
export class Packer {
  #tags = new Uint8Array(256 * WIDTH);
  #lengths = new Int32Array(256 * WIDTH);
  #numbers = new Float64Array(256 * WIDTH);
  #texts: string[] = [];
  #cells = 0;
  #lengthCount = 0;
  #numberCount = 0;
  #units = 0;
  #group = '';
  #grouped = 0;
  /** The labels of the record before, by column. */
  #labels: unknown[] = new Array(WIDTH).fill(undefined);

  static borrow(): Packer {
    return idle.pop() ?? new Packer();
  }

  giveBack(): void {
    if (this.#tags.length > KEPT_RECORDS * WIDTH) return;
    this.#texts = [];
    this.#cells = this.#lengthCount = this.#numberCount = this.#units = this.#grouped = 0;
    this.#group = '';
    this.#labels.fill(undefined);
    idle.push(this);
  }

  /** Add a record by its cells. */
  add(cells: readonly unknown[]): void {
    for (let column = 0; column < WIDTH; column++) {
      if (labelsOfTelemetryEvent[column]) this.label(column, cells[column]);
      else this.cell(cells[column]);
    }
    this.end();
  }

  /** Add an element that is no object. */
  addNoRecord(): void {
    if (this.#cells + WIDTH > this.#tags.length) this.#grow();
    this.#tags.fill(Tag.absent, this.#cells, this.#cells + WIDTH);
    this.#tags[this.#cells] = Tag.noRecord;
    this.#cells += WIDTH;
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
  finish(): PackedEvents {
    this.#endGroup();
    return {
      count: this.#cells / WIDTH,
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
export function keep(packed: PackedEvents): PackedEvents {
  const { tags, lengths, numbers } = packed;
  return { ...packed, tags: tags.slice(), lengths: lengths.slice(), numbers: numbers.slice() };
}
