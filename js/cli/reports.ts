/**
 * What native code reports: the shapes of src/command/, and of migrations.md §8 within them. `--json` prints them as they are.
 */
import type { CommandAnswer } from '../native.js';
import { toError } from '../report.js';

/** One difference between a file before and after a migration. */
export interface MigrationChange {
  kind: 'create' | 'drop' | 'alter' | 'rows';
  object: 'table' | 'column' | 'index' | 'view' | 'trigger';
  name: string;
  table?: string;
  before?: number;
  after?: number;
}

/** One migration of a run or a dry run. */
export interface MigrationPlanItem {
  version: number;
  name: string;
  destructive: boolean;
  detected: boolean;
  executed: boolean;
  status: 'applied' | 'skipped' | 'blocked';
  reason?: string;
  changes: MigrationChange[];
  executionMs: number;
}

/** What `migrate` did to one module, or would do. */
export interface ModuleMigration {
  module: string;
  version: number;
  latest: number;
  converted: boolean;
  adopted: number | null;
  items: MigrationPlanItem[];
}

/** What `migrate` did. */
export interface MigrateReport {
  file: string;
  created: boolean;
  dryRun: boolean;
  warnings: string[];
  modules: ModuleMigration[];
}

/** A migration that waits or was rolled back. */
export interface MigrationRef {
  version: number;
  name: string;
}

/** What `status` found. */
export interface StatusReport {
  module: string;
  file: string;
  exists: boolean;
  version: number;
  latest: number;
  adoptable: number | null;
  pending: MigrationRef[];
  applied: (MigrationRef & {
    module: string;
    checksum: string | null;
    destructive: boolean;
    appliedAt: number;
    executionMs: number;
  })[];
}

/** What `rollback` did. */
export interface RollbackReport {
  module: string;
  file: string;
  version: number;
  latest: number;
  rolledBack: MigrationRef[];
}

/** What `validate` found. */
export interface ValidationReport {
  module: string;
  file: string;
  ok: boolean;
  problems: { kind: 'missing' | 'integrity' | 'foreign_key' | 'diverged'; object: string; message: string }[];
}

/** What `doctor` found about the add-on and a file. */
export interface Diagnosis {
  sqlite: string;
  target: string;
  file: {
    path: string;
    exists: boolean;
    size: number;
    walSize: number;
    permissions: string | null;
    writable: boolean;
    sharedFileSystem: string | null;
    journalModeChosen: string;
    journalMode: string | null;
    modules: { module: string; version: number; latest: number | null }[];
    checked: boolean;
    findings: { kind: string; message: string }[];
  } | null;
}

/** What `backup` copied. */
export interface BackupReport {
  source: string;
  target: string;
  pages: number;
  bytes: number;
}

/**
 * The report in an answer.
 *
 * @throws {RunledgerError} what the answer has instead
 */
export function reportOf<Report>(answer: CommandAnswer, operation: string): Report {
  if ('report' in answer) return answer.report as Report;
  const { error } = answer;
  // An application looks into `cause`; on a command line the message is all there is.
  const hidden = error.code === 'CONNECTION_ERROR' || error.class === 'ConnectionError';
  const { reason = '' } = error;
  const message = hidden && !error.message.includes(reason) ? `${error.message}: ${reason}` : error.message;
  throw toError({ ...error, message }, operation);
}
