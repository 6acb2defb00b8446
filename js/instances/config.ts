import type { ClientFacts } from '../client.js';
import { isRecord } from '../codec.js';
import { isLogger } from '../log.js';
import { type InstancesEnvironment, native } from '../native.js';
import type { Logger } from '../types.js';
import { toError } from './report.js';
import type { DatabaseConfig } from './types.js';

/** A checked configuration. */
export interface Configuration {
  /** What a client is made of. */
  facts: Omit<ClientFacts, 'dialect'>;
  /** As errors may show it. */
  shown: Record<string, unknown>;
}

/**
 * Check a configuration and fill in the defaults, without touching any file.
 *
 * @throws {DatabaseError} `DATABASE_INITIALIZATION_FAILED`, `details.field`
 */
export function resolveConfig(given: unknown): Configuration {
  const config = crossing(given);
  const surroundings = environment();
  const resolved = native().resolveInstancesConfig(config, surroundings);
  const { shown } = resolved;
  if (resolved.error !== undefined) throw toError(resolved.error, 'SQLiteDatabase', { config: shown });
  const logger = isRecord(given) ? ((given as Partial<DatabaseConfig>).logger as Logger | undefined) : undefined;
  return {
    facts: { module: 'instances', path: resolved.path, config: { config, environment: surroundings }, logger },
    shown,
  };
}

/** A fresh copy of the defaults. */
export function getDefaultDatabaseConfig(): DatabaseConfig {
  return native().defaultInstancesConfig(environment()) as DatabaseConfig;
}

/** Loggers stay in the facade, and the bytes of a key cross as their digits. */
function crossing(given: unknown): unknown {
  if (!isRecord(given)) return given;
  const { logger, encryption, ...rest } = given as Partial<DatabaseConfig>;
  const config: Record<string, unknown> = { ...rest };
  // One that is no object is left in, for the core to refuse.
  if (!isLogger(logger)) config['logger'] = logger;
  if (encryption === undefined) return config;
  const isKey = isRecord(encryption) && encryption.key instanceof Uint8Array;
  config['encryption'] = isKey ? { ...encryption, key: Buffer.from(encryption.key as Uint8Array).toString('hex') } : encryption;
  return config;
}

function environment(): InstancesEnvironment {
  const { NODE_ENV: nodeEnv, RUNLEDGER_ENCRYPTION_KEY: encryptionKey } = process.env;
  return { nodeEnv, encryptionKey, cwd: process.cwd() };
}
