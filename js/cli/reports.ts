/**
 * What native code reports: the shapes of src/command/, and those of js/migration/reports.ts within them. `--json` prints
 * them as they are.
 */
import type { MigrationPlanItem, ValidationReport } from '../migration/reports.js';
import type { CommandAnswer, JournalRow } from '../native.js';
import { toError } from '../report.js';

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
  conflict: string | null;
  pending: MigrationRef[];
  applied: JournalRow[];
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
export interface FileValidationReport extends ValidationReport {
  module: string;
  file: string;
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
