import { assign, type ErrorFacts, nameClasses, RunledgerError } from '../errors.js';
import { writeLog } from '../log.js';
import type { ErrorMakers } from '../report.js';
import type { Logger } from '../types.js';

/** What an analytics error knows. */
export interface AnalyticsFacts extends ErrorFacts {
  path?: string | undefined;
}

/** An error of `runledger/analytics`; codes `ANALYTICS_…`. */
export class AnalyticsError extends RunledgerError {
  /** The directory that could not be created, or the file that could not be opened. */
  declare readonly path?: string;

  constructor(message: string, facts: AnalyticsFacts = {}) {
    super(message, facts);
    assign(this, { path: facts.path });
  }
}

nameClasses({ AnalyticsError });

/** The errors of what is done with the file at `path`. */
export function errorsOf(path: string): ErrorMakers {
  return {
    other: (message, facts) => {
      const { code, details } = facts;
      const directory = code === 'ANALYTICS_DIR_FAILED' ? (details?.['path'] as string) : undefined;
      const file = code === 'ANALYTICS_OPEN_FAILED' || code === 'ANALYTICS_MIGRATION_FAILED' ? path : undefined;
      return new AnalyticsError(message, { ...facts, path: directory ?? file });
    },
  };
}

/** The error for what needs the optional peer. */
export function drizzleMissing(operation?: string): AnalyticsError {
  const message = 'drizzle-orm is not installed; run: npm install drizzle-orm';
  return new AnalyticsError(message, { code: 'ANALYTICS_DRIZZLE_MISSING', operation });
}

/** What `work` returns; if it throws the logger hears of it. */
export function logged<T>(logger: Logger | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { message, code, operation } = error as AnalyticsError;
    writeLog(logger, { level: 'error', message, fields: { code, operation } });
    throw error;
  }
}
