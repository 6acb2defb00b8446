// Generated from src/shapes.rs by `npm run rows`: do not edit.

import { dateCell, jsonCell, jsonOutput, textOutput, timeCell } from '../codec.js';
import type { RowChunk } from '../native.js';
import type { Packer } from '../packer.js';
import type { JsonOutput } from '../types.js';

/** What an event reports. */
export const eventTypes = Object.freeze(['start', 'stream', 'end', 'error'] as const);
/** What an event reports. */
export type EventType = 'start' | 'stream' | 'end' | 'error';

/** Where a session stands. */
export const sessionStatuses = Object.freeze(['active', 'completed', 'failed', 'timeout'] as const);
/** Where a session stands. */
export type SessionStatus = 'active' | 'completed' | 'failed' | 'timeout';

/** Whether a buffer's events are in `telemetry_events` yet. */
export const bufferStatuses = Object.freeze(['pending', 'flushed', 'failed'] as const);
/** Whether a buffer's events are in `telemetry_events` yet. */
export type BufferStatus = 'pending' | 'flushed' | 'failed';

/** What an audit row records. */
export const auditOperations = Object.freeze(['INSERT', 'UPDATE', 'DELETE'] as const);

/** How bad a logged error is. */
export const severityLevels = Object.freeze(['low', 'medium', 'high', 'critical'] as const);
/** How bad a logged error is. */
export type ErrorSeverity = 'low' | 'medium' | 'high' | 'critical';

/** How a validation rule decides. */
export const validationRuleTypes = Object.freeze(['required', 'pattern', 'range', 'enum', 'length', 'json_schema'] as const);
/** How a validation rule decides. */
export type ValidationRuleType = 'required' | 'pattern' | 'range' | 'enum' | 'length' | 'json_schema';

/** How a tool call ended. */
export const toolCallStatuses = Object.freeze(['success', 'error', 'timeout'] as const);
/** How a tool call ended. */
export type ToolCallStatus = 'success' | 'error' | 'timeout';

/** What an agent is for. */
export const instanceTypes = Object.freeze(['coding', 'review', 'planning'] as const);
/** What an agent is for. */
export type InstanceType = 'coding' | 'review' | 'planning';

/** Where an instance stands. */
export const instanceStatuses = Object.freeze(['started', 'waiting_review', 'pr_created', 'pr_merged', 'pr_closed', 'terminated'] as const);
/** Where an instance stands. */
export type InstanceStatus = 'started' | 'waiting_review' | 'pr_created' | 'pr_merged' | 'pr_closed' | 'terminated';

/** How one instance came from another. */
export const relationshipTypes = Object.freeze(['spawned_review', 'created_fork', 'planning_to_issue'] as const);
/** How one instance came from another. */
export type RelationshipType = 'spawned_review' | 'created_fork' | 'planning_to_issue';

/** A row of `telemetry_events`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryEvent<F = 'text'> {
  id: number;
  sessionId: string;
  eventType: EventType;
  agentType: string;
  mode: string;
  prompt: string | null;
  streamData: string | null;
  sandboxId: string | null;
  repoUrl: string | null;
  metadata: JsonOutput<F>;
  timestamp: number;
  createdAt: number;
  version: number;
  schemaVersion: string;
}

function decodeTelemetryEvent(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 16 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 4, label += 7, text += 3) {
    rows.push({
      id: numbers[number],
      sessionId: cells[labels[label]!],
      eventType: cells[labels[label + 1]!],
      agentType: cells[labels[label + 2]!],
      mode: cells[labels[label + 3]!],
      prompt: cells[text],
      streamData: cells[text + 1],
      sandboxId: cells[labels[label + 4]!],
      repoUrl: cells[labels[label + 5]!],
      metadata: parsed ? jsonOutput(cells[text + 2]!) : cells[text + 2],
      timestamp: numbers[number + 1],
      createdAt: numbers[number + 2],
      version: numbers[number + 3],
      schemaVersion: cells[labels[label + 6]!],
    });
  }
}

/** The cells of an input record in the order of TelemetryEvent's columns, then its aliases. */
export function fieldsOfTelemetryEvent(record: any): unknown[] {
  return [
    record.id,
    record.sessionId,
    record.eventType,
    record.agentType,
    record.mode,
    record.prompt,
    record.streamData,
    record.sandboxId,
    record.repoUrl,
    jsonCell(record.metadata),
    record.timestamp,
    record.createdAt,
    record.version,
    record.schemaVersion,
  ];
}

/** The columns of TelemetryEvent in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryEvent: readonly boolean[] = [false, true, true, true, true, false, false, true, true, false, false, false, false, true];

/** A row of `telemetry_sessions`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetrySession<F = 'text'> {
  id: string;
  agentType: string;
  mode: string;
  status: SessionStatus;
  startTime: number;
  endTime: number | null;
  duration: number | null;
  eventCount: number;
  streamEventCount: number;
  errorCount: number;
  sandboxId: string | null;
  repoUrl: string | null;
  metadata: JsonOutput<F>;
  createdAt: number;
  updatedAt: number;
  version: number;
  schemaVersion: string;
}

function decodeTelemetrySession(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 84 * length + 56 : 0;
  let number = 8, label = 36 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 9, label += 6, text += 2) {
    rows.push({
      id: cells[text],
      agentType: cells[labels[label]!],
      mode: cells[labels[label + 1]!],
      status: cells[labels[label + 2]!],
      startTime: numbers[number],
      endTime: nulls !== 0 && bytes[nulls + number + 1] === 1 ? null : numbers[number + 1],
      duration: nulls !== 0 && bytes[nulls + number + 2] === 1 ? null : numbers[number + 2],
      eventCount: numbers[number + 3],
      streamEventCount: numbers[number + 4],
      errorCount: numbers[number + 5],
      sandboxId: cells[labels[label + 3]!],
      repoUrl: cells[labels[label + 4]!],
      metadata: parsed ? jsonOutput(cells[text + 1]!) : cells[text + 1],
      createdAt: numbers[number + 6],
      updatedAt: numbers[number + 7],
      version: numbers[number + 8],
      schemaVersion: cells[labels[label + 5]!],
    });
  }
}

/** The cells of an input record in the order of TelemetrySession's columns, then its aliases. */
export function fieldsOfTelemetrySession(record: any): unknown[] {
  return [
    record.id,
    record.agentType,
    record.mode,
    record.status,
    record.startTime,
    record.endTime,
    record.duration,
    record.eventCount,
    record.streamEventCount,
    record.errorCount,
    record.sandboxId,
    record.repoUrl,
    jsonCell(record.metadata),
    record.createdAt,
    record.updatedAt,
    record.version,
    record.schemaVersion,
  ];
}

/** The columns of TelemetrySession in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetrySession: readonly boolean[] = [false, true, true, true, false, false, false, false, false, false, true, true, false, false, false, false, true];

/** A row of `telemetry_buffers`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryBuffer<F = 'text'> {
  id: number;
  sessionId: string;
  status: BufferStatus;
  eventCount: number;
  bufferData: Exclude<JsonOutput<F>, null>;
  maxSize: number;
  createdAt: number;
  lastUpdated: number;
  flushedAt: number | null;
  flushAttempts: number;
  version: number;
  schemaVersion: string;
}

function decodeTelemetryBuffer(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 70 * length + 56 : 0;
  let number = 8, label = 32 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 8, label += 3, text += 1) {
    rows.push({
      id: numbers[number],
      sessionId: cells[labels[label]!],
      status: cells[labels[label + 1]!],
      eventCount: numbers[number + 1],
      bufferData: parsed ? jsonOutput(cells[text]!) : cells[text],
      maxSize: numbers[number + 2],
      createdAt: numbers[number + 3],
      lastUpdated: numbers[number + 4],
      flushedAt: nulls !== 0 && bytes[nulls + number + 5] === 1 ? null : numbers[number + 5],
      flushAttempts: numbers[number + 6],
      version: numbers[number + 7],
      schemaVersion: cells[labels[label + 2]!],
    });
  }
}

/** The cells of an input record in the order of TelemetryBuffer's columns, then its aliases. */
export function fieldsOfTelemetryBuffer(record: any): unknown[] {
  return [
    record.id,
    record.sessionId,
    record.status,
    record.eventCount,
    jsonCell(record.bufferData),
    record.maxSize,
    record.createdAt,
    record.lastUpdated,
    record.flushedAt,
    record.flushAttempts,
    record.version,
    record.schemaVersion,
  ];
}

/** The columns of TelemetryBuffer in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryBuffer: readonly boolean[] = [false, true, true, false, false, false, false, false, false, false, false, true];

/** A row of `telemetry_errors`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryError<F = 'text'> {
  id: number;
  sessionId: string | null;
  eventId: number | null;
  errorType: string;
  errorMessage: string;
  errorStack: string | null;
  context: JsonOutput<F>;
  severity: ErrorSeverity;
  resolved: boolean;
  metadata: JsonOutput<F>;
  timestamp: number;
  createdAt: number;
  resolvedAt: number | null;
  resolvedBy: string | null;
  version: number;
  schemaVersion: string;
}

function decodeTelemetryError(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 66 * length + 56 : 0;
  let number = 8, label = 28 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 7, label += 5, text += 4) {
    rows.push({
      id: numbers[number],
      sessionId: cells[labels[label]!],
      eventId: nulls !== 0 && bytes[nulls + number + 1] === 1 ? null : numbers[number + 1],
      errorType: cells[labels[label + 1]!],
      errorMessage: cells[text],
      errorStack: cells[text + 1],
      context: parsed ? jsonOutput(cells[text + 2]!) : cells[text + 2],
      severity: cells[labels[label + 2]!],
      resolved: numbers[number + 2] !== 0,
      metadata: parsed ? jsonOutput(cells[text + 3]!) : cells[text + 3],
      timestamp: numbers[number + 3],
      createdAt: numbers[number + 4],
      resolvedAt: nulls !== 0 && bytes[nulls + number + 5] === 1 ? null : numbers[number + 5],
      resolvedBy: cells[labels[label + 3]!],
      version: numbers[number + 6],
      schemaVersion: cells[labels[label + 4]!],
    });
  }
}

/** The cells of an input record in the order of TelemetryError's columns, then its aliases. */
export function fieldsOfTelemetryError(record: any): unknown[] {
  return [
    record.id,
    record.sessionId,
    record.eventId,
    record.errorType,
    record.errorMessage,
    record.errorStack,
    jsonCell(record.context),
    record.severity,
    record.resolved,
    jsonCell(record.metadata),
    record.timestamp,
    record.createdAt,
    record.resolvedAt,
    record.resolvedBy,
    record.version,
    record.schemaVersion,
    record.stackTrace,
  ];
}

/** The columns of TelemetryError in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryError: readonly boolean[] = [false, true, false, true, false, false, false, true, false, false, false, false, false, true, false, true];

/** A row of `telemetry_stats`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryStatsRecord<F = 'text'> {
  id: number;
  statType: string;
  statKey: string;
  totalEvents: number;
  startEvents: number;
  streamEvents: number;
  endEvents: number;
  errorEvents: number;
  uniqueSessions: number;
  agentBreakdown: JsonOutput<F>;
  modeBreakdown: JsonOutput<F>;
  avgSessionDuration: number | null;
  minTimestamp: number | null;
  maxTimestamp: number | null;
  computedAt: number;
  updatedAt: number;
  version: number;
  schemaVersion: string;
}

function decodeTelemetryStatsRecord(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 108 * length + 56 : 0;
  let number = 8, label = 52 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 13, label += 2, text += 3) {
    rows.push({
      id: numbers[number],
      statType: cells[labels[label]!],
      statKey: cells[text],
      totalEvents: numbers[number + 1],
      startEvents: numbers[number + 2],
      streamEvents: numbers[number + 3],
      endEvents: numbers[number + 4],
      errorEvents: numbers[number + 5],
      uniqueSessions: numbers[number + 6],
      agentBreakdown: parsed ? jsonOutput(cells[text + 1]!) : cells[text + 1],
      modeBreakdown: parsed ? jsonOutput(cells[text + 2]!) : cells[text + 2],
      avgSessionDuration: nulls !== 0 && bytes[nulls + number + 7] === 1 ? null : numbers[number + 7],
      minTimestamp: nulls !== 0 && bytes[nulls + number + 8] === 1 ? null : numbers[number + 8],
      maxTimestamp: nulls !== 0 && bytes[nulls + number + 9] === 1 ? null : numbers[number + 9],
      computedAt: numbers[number + 10],
      updatedAt: numbers[number + 11],
      version: numbers[number + 12],
      schemaVersion: cells[labels[label + 1]!],
    });
  }
}

/** The cells of an input record in the order of TelemetryStatsRecord's columns, then its aliases. */
export function fieldsOfTelemetryStatsRecord(record: any): unknown[] {
  return [
    record.id,
    record.statType,
    record.statKey,
    record.totalEvents,
    record.startEvents,
    record.streamEvents,
    record.endEvents,
    record.errorEvents,
    record.uniqueSessions,
    jsonCell(record.agentBreakdown),
    jsonCell(record.modeBreakdown),
    record.avgSessionDuration,
    record.minTimestamp,
    record.maxTimestamp,
    record.computedAt,
    record.updatedAt,
    record.version,
    record.schemaVersion,
  ];
}

/** The columns of TelemetryStatsRecord in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryStatsRecord: readonly boolean[] = [false, true, false, false, false, false, false, false, false, false, false, false, false, false, false, false, false, true];

/** A row of `telemetry_audit_log`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryAuditLog<F = 'text'> {
  id: number;
  tableName: string;
  recordId: string;
  operation: 'INSERT' | 'UPDATE' | 'DELETE';
  oldValues: JsonOutput<F>;
  newValues: JsonOutput<F>;
  changedFields: JsonOutput<F>;
  userId: string | null;
  sessionId: string | null;
  reason: string | null;
  metadata: JsonOutput<F>;
  timestamp: number;
  createdAt: number;
}

function decodeTelemetryAuditLog(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 12 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 3, label += 5, text += 5) {
    rows.push({
      id: numbers[number],
      tableName: cells[labels[label]!],
      recordId: cells[text],
      operation: cells[labels[label + 1]!],
      oldValues: parsed ? jsonOutput(cells[text + 1]!) : cells[text + 1],
      newValues: parsed ? jsonOutput(cells[text + 2]!) : cells[text + 2],
      changedFields: parsed ? jsonOutput(cells[text + 3]!) : cells[text + 3],
      userId: cells[labels[label + 2]!],
      sessionId: cells[labels[label + 3]!],
      reason: cells[labels[label + 4]!],
      metadata: parsed ? jsonOutput(cells[text + 4]!) : cells[text + 4],
      timestamp: numbers[number + 1],
      createdAt: numbers[number + 2],
    });
  }
}

/** The cells of an input record in the order of TelemetryAuditLog's columns, then its aliases. */
export function fieldsOfTelemetryAuditLog(record: any): unknown[] {
  return [
    record.id,
    record.tableName,
    record.recordId,
    record.operation,
    jsonCell(record.oldValues),
    jsonCell(record.newValues),
    jsonCell(record.changedFields),
    record.userId,
    record.sessionId,
    record.reason,
    jsonCell(record.metadata),
    record.timestamp,
    record.createdAt,
  ];
}

/** The columns of TelemetryAuditLog in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryAuditLog: readonly boolean[] = [false, true, false, true, false, false, false, true, true, true, false, false, false];

/** A row of `telemetry_validation_rules`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetryValidationRule<F = 'text'> {
  id: number;
  tableName: string;
  fieldName: string;
  ruleType: ValidationRuleType;
  ruleConfig: Exclude<JsonOutput<F>, null>;
  errorMessage: string;
  isActive: boolean;
  priority: number;
  createdAt: number;
  updatedAt: number;
}

function decodeTelemetryValidationRule(chunk: RowChunk, rows: unknown[], parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 20 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 5, label += 3, text += 2) {
    rows.push({
      id: numbers[number],
      tableName: cells[labels[label]!],
      fieldName: cells[labels[label + 1]!],
      ruleType: cells[labels[label + 2]!],
      ruleConfig: parsed ? jsonOutput(cells[text]!) : cells[text],
      errorMessage: cells[text + 1],
      isActive: numbers[number + 1] !== 0,
      priority: numbers[number + 2],
      createdAt: numbers[number + 3],
      updatedAt: numbers[number + 4],
    });
  }
}

/** The cells of an input record in the order of TelemetryValidationRule's columns, then its aliases. */
export function fieldsOfTelemetryValidationRule(record: any): unknown[] {
  return [
    record.id,
    record.tableName,
    record.fieldName,
    record.ruleType,
    jsonCell(record.ruleConfig),
    record.errorMessage,
    record.isActive,
    record.priority,
    record.createdAt,
    record.updatedAt,
  ];
}

/** The columns of TelemetryValidationRule in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetryValidationRule: readonly boolean[] = [false, true, true, true, false, false, false, false, false, false];

/** A row of `telemetry_schema_versions`. Times are milliseconds; SQL NULL is `null`. */
export interface TelemetrySchemaVersion {
  id: number;
  version: string;
  description: string;
  migrationScript: string | null;
  rollbackScript: string | null;
  appliedAt: number;
  isActive: boolean;
  metadata: string | null;
}

function decodeTelemetrySchemaVersion(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 3, text += 5) {
    rows.push({
      id: numbers[number],
      version: cells[text],
      description: cells[text + 1],
      migrationScript: cells[text + 2],
      rollbackScript: cells[text + 3],
      appliedAt: numbers[number + 1],
      isActive: numbers[number + 2] !== 0,
      metadata: cells[text + 4],
    });
  }
}

/** The cells of an input record in the order of TelemetrySchemaVersion's columns, then its aliases. */
export function fieldsOfTelemetrySchemaVersion(record: any): unknown[] {
  return [
    record.id,
    record.version,
    record.description,
    record.migrationScript,
    record.rollbackScript,
    record.appliedAt,
    record.isActive,
    record.metadata,
  ];
}

/** The columns of TelemetrySchemaVersion in which neighbouring records tend to hold the same text. */
export const labelsOfTelemetrySchemaVersion: readonly boolean[] = [false, false, false, false, false, false, false, false];

/** A row of `sessions`. Times are in whole seconds; SQL NULL is `null`. */
export interface SessionRecord {
  /** A random UUID, unless it was given. */
  id: string;
  /** When it began; its milliseconds are 0. */
  startedAt: Date;
  /** When it ended; `null` while it is active. */
  endedAt: Date | null;
  /** Calls that recorders have recorded in it. */
  toolCount: number;
}

function decodeSessionRecord(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 24 * length + 56 : 0;
  let number = 8, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 3, text += 1) {
    rows.push({
      id: cells[text],
      startedAt: new Date(numbers[number]! * 1000),
      endedAt: nulls !== 0 && bytes[nulls + number + 1] === 1 ? null : new Date(numbers[number + 1]! * 1000),
      toolCount: numbers[number + 2],
    });
  }
}

/** The cells of an input record in the order of SessionRecord's columns, then its aliases. */
export function fieldsOfSessionRecord(record: any): unknown[] {
  return [
    record.id,
    timeCell(record.startedAt),
    timeCell(record.endedAt),
    record.toolCount,
  ];
}

/** The columns of SessionRecord in which neighbouring records tend to hold the same text. */
export const labelsOfSessionRecord: readonly boolean[] = [false, false, false, false];

/** A row of `tool_calls`. Times are in whole seconds; SQL NULL is `null`. */
export interface ToolCallRecord {
  /** A random UUID, unless it was given. */
  id: string;
  /** Which tool; never empty. */
  toolName: string;
  /** How long it took, whole milliseconds. */
  durationMs: number;
  /** How it ended. */
  status: ToolCallStatus;
  /** What went wrong, in the caller's words. */
  errorType: string | null;
  /** When it was made; its milliseconds are 0. */
  timestamp: Date;
  /** The session that it belongs to, and is deleted with. */
  sessionId: string;
}

function decodeToolCallRecord(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 8 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 2, label += 4, text += 1) {
    rows.push({
      id: cells[text],
      toolName: cells[labels[label]!],
      durationMs: numbers[number],
      status: cells[labels[label + 1]!],
      errorType: cells[labels[label + 2]!],
      timestamp: new Date(numbers[number + 1]! * 1000),
      sessionId: cells[labels[label + 3]!],
    });
  }
}

/** The cells of an input record in the order of ToolCallRecord's columns, then its aliases. */
export function fieldsOfToolCallRecord(record: any): unknown[] {
  return [
    record.id,
    record.toolName,
    record.durationMs,
    record.status,
    record.errorType,
    timeCell(record.timestamp),
    record.sessionId,
  ];
}

/** The columns of ToolCallRecord in which neighbouring records tend to hold the same text. */
export const labelsOfToolCallRecord: readonly boolean[] = [false, true, false, true, true, false, true];

/** A row of `instances`. Times are in whole seconds; SQL NULL is `null`. */
export interface Instance {
  /** Chosen by the caller, not empty, unique. */
  id: string;
  /** What the agent is for. */
  type: InstanceType;
  /** Where it stands. No transition is forbidden. */
  status: InstanceStatus;
  /** The working tree in which it works. */
  worktree_path: string;
  /** The branch that it works on. */
  branch_name: string;
  /** The branch that its own came from. */
  base_branch: string | null;
  /** The terminal session in which it runs. */
  tmux_session: string;
  /** The process number of the agent; at least 0. */
  claude_pid: number | null;
  /** The GitHub issue that it works on; at least 1. */
  issue_number: number | null;
  /** The pull request that it has opened; at least 0. */
  pr_number: number | null;
  /** The address of that pull request. */
  pr_url: string | null;
  /** The instance that it came from; `null` again when that is deleted. */
  parent_instance_id: string | null;
  /** Default: now. */
  created_at: Date;
  /** When it came to an end; `updateInstanceStatus` sets it. */
  terminated_at: Date | null;
  /** When it was created or last changed. Default: now. */
  last_activity: Date;
  /** The system prompt that it was started with. */
  system_prompt: string | null;
  /** The prompt that it was given. */
  prompt_used: string | null;
  /** What the prompt was made from. */
  prompt_context: string | null;
  /** Its number among agents that work on the same; at least 0. Default 1. */
  agent_number: number;
}

function decodeInstance(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, labels, bytes } = chunk;
  const cells = chunk.cells as string[];
  const nulls = chunk.nulls ? 64 * length + 56 : 0;
  let number = 8, label = 28 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 7, label += 4, text += 8) {
    rows.push({
      id: cells[text],
      type: cells[labels[label]!],
      status: cells[labels[label + 1]!],
      worktree_path: cells[text + 1],
      branch_name: cells[text + 2],
      base_branch: cells[labels[label + 2]!],
      tmux_session: cells[text + 3],
      claude_pid: nulls !== 0 && bytes[nulls + number] === 1 ? null : numbers[number],
      issue_number: nulls !== 0 && bytes[nulls + number + 1] === 1 ? null : numbers[number + 1],
      pr_number: nulls !== 0 && bytes[nulls + number + 2] === 1 ? null : numbers[number + 2],
      pr_url: cells[text + 4],
      parent_instance_id: cells[labels[label + 3]!],
      created_at: new Date(numbers[number + 3]! * 1000),
      terminated_at: nulls !== 0 && bytes[nulls + number + 4] === 1 ? null : new Date(numbers[number + 4]! * 1000),
      last_activity: new Date(numbers[number + 5]! * 1000),
      system_prompt: cells[text + 5],
      prompt_used: cells[text + 6],
      prompt_context: cells[text + 7],
      agent_number: numbers[number + 6],
    });
  }
}

/** The cells of an input record in the order of Instance's columns, then its aliases. */
export function fieldsOfInstance(record: any): unknown[] {
  return [
    record.id,
    record.type,
    record.status,
    record.worktree_path,
    record.branch_name,
    record.base_branch,
    record.tmux_session,
    record.claude_pid,
    record.issue_number,
    record.pr_number,
    record.pr_url,
    record.parent_instance_id,
    dateCell(record.created_at),
    dateCell(record.terminated_at),
    dateCell(record.last_activity),
    record.system_prompt,
    record.prompt_used,
    record.prompt_context,
    record.agent_number,
  ];
}

/** The columns of Instance in which neighbouring records tend to hold the same text. */
export const labelsOfInstance: readonly boolean[] = [false, true, true, false, false, true, false, false, false, false, false, true, false, false, false, false, false, false, false];

/** A row of `mcp_events`. Times are in whole seconds; SQL NULL is `null`. */
export interface MCPEvent {
  /** Given by the database, ascending. */
  id: number;
  /** The instance whose event it is; it must exist. */
  instance_id: string;
  /** The tool that was used. */
  tool_name: string;
  /** Whether it succeeded. */
  success: boolean;
  /** Why it did not. */
  error_message: string | null;
  /** JSON text. */
  metadata: string | null;
  /** The commit that it made. */
  git_commit_hash: string | null;
  /** The status that it led to. */
  status_change: string | null;
  /** Whether it changed the status of its instance. Default `false`. */
  is_status_updating: boolean;
  /** When it happened. Default: now. */
  timestamp: Date;
}

function decodeMCPEvent(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 16 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 4, label += 4, text += 2) {
    rows.push({
      id: numbers[number],
      instance_id: cells[labels[label]!],
      tool_name: cells[labels[label + 1]!],
      success: numbers[number + 1] !== 0,
      error_message: cells[text],
      metadata: cells[text + 1],
      git_commit_hash: cells[labels[label + 2]!],
      status_change: cells[labels[label + 3]!],
      is_status_updating: numbers[number + 2] !== 0,
      timestamp: new Date(numbers[number + 3]! * 1000),
    });
  }
}

/** The cells of an input record in the order of MCPEvent's columns, then its aliases. */
export function fieldsOfMCPEvent(record: any): unknown[] {
  return [
    record.id,
    record.instance_id,
    record.tool_name,
    record.success,
    record.error_message,
    jsonCell(record.metadata),
    record.git_commit_hash,
    record.status_change,
    record.is_status_updating,
    dateCell(record.timestamp),
  ];
}

/** The columns of MCPEvent in which neighbouring records tend to hold the same text. */
export const labelsOfMCPEvent: readonly boolean[] = [false, true, true, false, false, false, true, true, false, false];

/** A row of `instance_relationships`. Times are in whole seconds; SQL NULL is `null`. */
export interface Relationship {
  /** Given by the database, ascending. */
  id: number;
  /** The instance that the other came from; it must exist. */
  parent_instance: string;
  /** The instance that came from it; it must exist. */
  child_instance: string;
  /** One of a type between two instances. */
  relationship_type: RelationshipType;
  /** Which round of reviews it is; at least 0. Default 1. */
  review_iteration: number;
  /** Default: now. */
  created_at: Date;
  /** JSON text. */
  metadata: string | null;
}

function decodeRelationship(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 12 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 3, label += 3, text += 1) {
    rows.push({
      id: numbers[number],
      parent_instance: cells[labels[label]!],
      child_instance: cells[labels[label + 1]!],
      relationship_type: cells[labels[label + 2]!],
      review_iteration: numbers[number + 1],
      created_at: new Date(numbers[number + 2]! * 1000),
      metadata: cells[text],
    });
  }
}

/** The cells of an input record in the order of Relationship's columns, then its aliases. */
export function fieldsOfRelationship(record: any): unknown[] {
  return [
    record.id,
    record.parent_instance,
    record.child_instance,
    record.relationship_type,
    record.review_iteration,
    dateCell(record.created_at),
    jsonCell(record.metadata),
  ];
}

/** The columns of Relationship in which neighbouring records tend to hold the same text. */
export const labelsOfRelationship: readonly boolean[] = [false, true, true, true, false, false, false];

/** A row of `github_issues`. Times are in whole seconds; SQL NULL is `null`. */
export interface GitHubIssue {
  /** At least 1; the key. */
  number: number;
  /** The title of the issue. */
  title: string;
  /** The text of the issue. */
  body: string | null;
  /** For instance `'open'` or `'closed'`. */
  state: string;
  /** The name of whom it is assigned to. */
  assignee: string | null;
  /** JSON text. */
  labels: string | null;
  /** Default: now. */
  created_at: Date;
  /** Default: now, at each upsert. */
  updated_at: Date;
  /** When it was last written here; always set by the database. */
  synced_at: Date;
  /** The owner of its repository. */
  repo_owner: string;
  /** The name of its repository. */
  repo_name: string;
}

function decodeGitHubIssue(chunk: RowChunk, rows: unknown[], _parsed: boolean): void {
  const { length, numbers, labels } = chunk;
  const cells = chunk.cells as string[];
  let number = 8, label = 16 * length + 32, text = chunk.texts;
  for (let i = 0; i < length; i++, number += 4, label += 4, text += 3) {
    rows.push({
      number: numbers[number],
      title: cells[text],
      body: cells[text + 1],
      state: cells[labels[label]!],
      assignee: cells[labels[label + 1]!],
      labels: cells[text + 2],
      created_at: new Date(numbers[number + 1]! * 1000),
      updated_at: new Date(numbers[number + 2]! * 1000),
      synced_at: new Date(numbers[number + 3]! * 1000),
      repo_owner: cells[labels[label + 2]!],
      repo_name: cells[labels[label + 3]!],
    });
  }
}

/** The cells of an input record in the order of GitHubIssue's columns, then its aliases. */
export function fieldsOfGitHubIssue(record: any): unknown[] {
  return [
    record.number,
    record.title,
    record.body,
    record.state,
    record.assignee,
    jsonCell(record.labels),
    dateCell(record.created_at),
    dateCell(record.updated_at),
    dateCell(record.synced_at),
    record.repo_owner,
    record.repo_name,
  ];
}

/** The columns of GitHubIssue in which neighbouring records tend to hold the same text. */
export const labelsOfGitHubIssue: readonly boolean[] = [false, false, false, true, true, false, false, false, false, true, true];

/** Add an input record to a packer, cell by cell. */
export function packTelemetryEvent(packer: Packer, record: any): void {
  packer.cell(record.id);
  packer.label(1, record.sessionId);
  packer.label(2, record.eventType);
  packer.label(3, record.agentType);
  packer.label(4, record.mode);
  packer.cell(record.prompt);
  packer.cell(record.streamData);
  packer.label(7, record.sandboxId);
  packer.label(8, record.repoUrl);
  packer.cell(jsonCell(record.metadata));
  packer.cell(record.timestamp);
  packer.cell(record.createdAt);
  packer.cell(record.version);
  packer.label(13, record.schemaVersion);
  packer.end();
}

/** The TelemetryEvent that the accepted cells have become, as reading it back would give it. */
export function storedTelemetryEvent<F>(
  cells: readonly unknown[],
  id: number,
  createdAt: number,
  parsed: boolean,
): TelemetryEvent<F> {
  const row = {
    id,
    sessionId: textOutput(cells[1]),
    eventType: textOutput(cells[2]),
    agentType: textOutput(cells[3]),
    mode: textOutput(cells[4]),
    prompt: textOutput(cells[5]),
    streamData: textOutput(cells[6]),
    sandboxId: textOutput(cells[7]),
    repoUrl: textOutput(cells[8]),
    metadata: parsed ? jsonOutput(textOutput(cells[9])) : textOutput(cells[9]),
    timestamp: ((cells[10] as number) + 0),
    createdAt,
    version: (((cells[12] as number | undefined) ?? 1) + 0),
    schemaVersion: textOutput(cells[13] ?? '1.0.0'),
  };
  return row as TelemetryEvent<F>;
}

/** The position of each shape in {@link decoders}: `RowChunk.shape`. */
export const Shape = {
  TelemetryEvent: 0,
  TelemetrySession: 1,
  TelemetryBuffer: 2,
  TelemetryError: 3,
  TelemetryStatsRecord: 4,
  TelemetryAuditLog: 5,
  TelemetryValidationRule: 6,
  TelemetrySchemaVersion: 7,
  SessionRecord: 8,
  ToolCallRecord: 9,
  Instance: 10,
  MCPEvent: 11,
  Relationship: 12,
  GitHubIssue: 13,
} as const;

/** Append the rows of a chunk to `rows`, by shape. */
export const decoders: readonly ((chunk: RowChunk, rows: unknown[], parsed: boolean) => void)[] = [
  decodeTelemetryEvent,
  decodeTelemetrySession,
  decodeTelemetryBuffer,
  decodeTelemetryError,
  decodeTelemetryStatsRecord,
  decodeTelemetryAuditLog,
  decodeTelemetryValidationRule,
  decodeTelemetrySchemaVersion,
  decodeSessionRecord,
  decodeToolCallRecord,
  decodeInstance,
  decodeMCPEvent,
  decodeRelationship,
  decodeGitHubIssue,
];

/** The tables and their columns, for js/schema.ts. */
export const tables = {
  telemetryEvents: {
    name: 'telemetry_events',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      sessionId: { name: 'session_id', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, references: 'telemetrySessions', onDelete: 'cascade' },
      eventType: { name: 'event_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, enumValues: eventTypes },
      agentType: { name: 'agent_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      mode: { name: 'mode', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      prompt: { name: 'prompt', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      streamData: { name: 'stream_data', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      sandboxId: { name: 'sandbox_id', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      repoUrl: { name: 'repo_url', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      metadata: { name: 'metadata', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      timestamp: { name: 'timestamp', sql: 'real', dataType: 'number', notNull: true, hasDefault: false, primary: false },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      version: { name: 'version', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 1 },
      schemaVersion: { name: 'schema_version', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: '1.0.0' },
    },
  },
  telemetrySessions: {
    name: 'telemetry_sessions',
    columns: {
      id: { name: 'id', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: true },
      agentType: { name: 'agent_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      mode: { name: 'mode', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      status: { name: 'status', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: 'active', enumValues: sessionStatuses },
      startTime: { name: 'start_time', sql: 'real', dataType: 'number', notNull: true, hasDefault: false, primary: false },
      endTime: { name: 'end_time', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      duration: { name: 'duration', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      eventCount: { name: 'event_count', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      streamEventCount: { name: 'stream_event_count', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      errorCount: { name: 'error_count', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      sandboxId: { name: 'sandbox_id', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      repoUrl: { name: 'repo_url', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      metadata: { name: 'metadata', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      updatedAt: { name: 'updated_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      version: { name: 'version', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 1 },
      schemaVersion: { name: 'schema_version', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: '1.0.0' },
    },
  },
  telemetryBuffers: {
    name: 'telemetry_buffers',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      sessionId: { name: 'session_id', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, references: 'telemetrySessions', onDelete: 'cascade' },
      status: { name: 'status', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: 'pending', enumValues: bufferStatuses },
      eventCount: { name: 'event_count', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      bufferData: { name: 'buffer_data', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      maxSize: { name: 'max_size', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 50 },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      lastUpdated: { name: 'last_updated', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      flushedAt: { name: 'flushed_at', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      flushAttempts: { name: 'flush_attempts', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      version: { name: 'version', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 1 },
      schemaVersion: { name: 'schema_version', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: '1.0.0' },
    },
  },
  telemetryErrors: {
    name: 'telemetry_errors',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      sessionId: { name: 'session_id', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false, references: 'telemetrySessions', onDelete: 'set null' },
      eventId: { name: 'event_id', sql: 'integer', dataType: 'number', notNull: false, hasDefault: false, primary: false, references: 'telemetryEvents', onDelete: 'set null' },
      errorType: { name: 'error_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      errorMessage: { name: 'error_message', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      errorStack: { name: 'error_stack', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      context: { name: 'context', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      severity: { name: 'severity', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: 'medium', enumValues: severityLevels },
      resolved: { name: 'resolved', sql: 'boolean', dataType: 'boolean', notNull: true, hasDefault: true, primary: false, default: false },
      metadata: { name: 'metadata', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      timestamp: { name: 'timestamp', sql: 'real', dataType: 'number', notNull: true, hasDefault: false, primary: false },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      resolvedAt: { name: 'resolved_at', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      resolvedBy: { name: 'resolved_by', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      version: { name: 'version', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 1 },
      schemaVersion: { name: 'schema_version', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: '1.0.0' },
    },
  },
  telemetryStats: {
    name: 'telemetry_stats',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      statType: { name: 'stat_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      statKey: { name: 'stat_key', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      totalEvents: { name: 'total_events', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      startEvents: { name: 'start_events', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      streamEvents: { name: 'stream_events', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      endEvents: { name: 'end_events', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      errorEvents: { name: 'error_events', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      uniqueSessions: { name: 'unique_sessions', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 0 },
      agentBreakdown: { name: 'agent_breakdown', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      modeBreakdown: { name: 'mode_breakdown', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      avgSessionDuration: { name: 'avg_session_duration', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      minTimestamp: { name: 'min_timestamp', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      maxTimestamp: { name: 'max_timestamp', sql: 'real', dataType: 'number', notNull: false, hasDefault: false, primary: false },
      computedAt: { name: 'computed_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      updatedAt: { name: 'updated_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      version: { name: 'version', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 1 },
      schemaVersion: { name: 'schema_version', sql: 'text', dataType: 'string', notNull: true, hasDefault: true, primary: false, default: '1.0.0' },
    },
  },
  telemetryAuditLog: {
    name: 'telemetry_audit_log',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      tableName: { name: 'table_name', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      recordId: { name: 'record_id', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      operation: { name: 'operation', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, enumValues: auditOperations },
      oldValues: { name: 'old_values', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      newValues: { name: 'new_values', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      changedFields: { name: 'changed_fields', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      userId: { name: 'user_id', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      sessionId: { name: 'session_id', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      reason: { name: 'reason', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      metadata: { name: 'metadata', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      timestamp: { name: 'timestamp', sql: 'real', dataType: 'number', notNull: true, hasDefault: false, primary: false },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
    },
  },
  telemetryValidationRules: {
    name: 'telemetry_validation_rules',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      tableName: { name: 'table_name', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      fieldName: { name: 'field_name', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      ruleType: { name: 'rule_type', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, enumValues: validationRuleTypes },
      ruleConfig: { name: 'rule_config', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      errorMessage: { name: 'error_message', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      isActive: { name: 'is_active', sql: 'boolean', dataType: 'boolean', notNull: true, hasDefault: true, primary: false, default: true },
      priority: { name: 'priority', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: false, default: 100 },
      createdAt: { name: 'created_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      updatedAt: { name: 'updated_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
    },
  },
  telemetrySchemaVersions: {
    name: 'telemetry_schema_versions',
    columns: {
      id: { name: 'id', sql: 'integer', dataType: 'number', notNull: true, hasDefault: true, primary: true },
      version: { name: 'version', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false, unique: true },
      description: { name: 'description', sql: 'text', dataType: 'string', notNull: true, hasDefault: false, primary: false },
      migrationScript: { name: 'migration_script', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      rollbackScript: { name: 'rollback_script', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
      appliedAt: { name: 'applied_at', sql: 'real', dataType: 'number', notNull: true, hasDefault: true, primary: false, defaultNow: true },
      isActive: { name: 'is_active', sql: 'boolean', dataType: 'boolean', notNull: true, hasDefault: true, primary: false, default: true },
      metadata: { name: 'metadata', sql: 'text', dataType: 'string', notNull: false, hasDefault: false, primary: false },
    },
  },
} as const;
