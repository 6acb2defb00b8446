import { isLogger } from './log.js';
import { type Environment, native, type ResolvedConfig } from './native.js';
import { toError } from './report.js';
import type { DrizzleTelemetryConfig, Logger, ResolvedTelemetryConfig } from './types.js';

/** Version of the database format, as `@vibe-kit/db` numbers it. */
export const DB_VERSION = '1.0.0';

/** Version that rows carry in `schemaVersion`. */
export const SCHEMA_VERSION = '1.0.0';

type DefaultKey =
  | 'dbPath'
  | 'pruneDays'
  | 'streamBatchSize'
  | 'streamFlushIntervalMs'
  | 'maxSizeMB'
  | 'enableWAL'
  | 'enableForeignKeys'
  | 'poolSize'
  | 'queryTimeoutMs'
  | 'enableQueryLogging'
  | 'enableMetrics';

/** The defaults that `@vibe-kit/db` exports; {@link ResolvedTelemetryConfig} lists the others. */
export const DEFAULT_DB_CONFIG: Readonly<Pick<ResolvedTelemetryConfig, DefaultKey>> = Object.freeze({
  dbPath: '.vibekit/telemetry.db',
  pruneDays: 30,
  streamBatchSize: 50,
  streamFlushIntervalMs: 1000,
  maxSizeMB: 100,
  enableWAL: true,
  enableForeignKeys: true,
  poolSize: 5,
  queryTimeoutMs: 30000,
  enableQueryLogging: false,
  enableMetrics: true,
});

/** A checked config: what native code takes, what `getConfig()` shows, and where log lines go. */
export interface Configuration extends ResolvedConfig {
  shown: ResolvedTelemetryConfig;
  logger: Logger | undefined;
}

/**
 * Check a config and fill in the defaults, without touching any file.
 *
 * @throws {ValidationError} `VALIDATION_ERROR` for a bad value.
 */
export function resolveConfig(config: unknown): Configuration {
  const given = config ?? {};
  const resolved = native().resolveConfig(withoutLogger(given), environment());
  if ('error' in resolved) throw toError(resolved.error, 'DrizzleTelemetryDB', given);
  const shown = { ...resolved.config };
  // What native code cannot carry: the logger, and unknown keys that hold more than a scalar.
  for (const [key, value] of Object.entries(given)) {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') shown[key] = value;
  }
  return {
    ...resolved,
    shown: shown as unknown as ResolvedTelemetryConfig,
    logger: shown['logger'] as Logger | undefined,
  };
}

/** The absolute path that a `dbPath` means, and whether a client of it may be registered; null if it means none. */
export function locate(dbPath: unknown): { path: string; registrable: boolean } | null {
  const resolved = native().resolveConfig({ dbPath }, environment());
  return 'error' in resolved ? null : resolved;
}

/** Loggers stay in the facade. One that is no object is left in, for the core to refuse. */
function withoutLogger(config: unknown): unknown {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return config;
  const { logger, ...rest } = config as DrizzleTelemetryConfig;
  return isLogger(logger) ? rest : config;
}

function environment(): Environment {
  const { NODE_ENV: nodeEnv, VIBEKIT_DB_PATH: dbPath, DEBUG: debug } = process.env;
  return { nodeEnv, dbPath, debug, cwd: process.cwd() };
}
