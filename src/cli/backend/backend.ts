import type { RunOptions } from '../../client/connect.ts';
import type { ModelTestReport } from '../../contracts/agents/model-test.ts';
import type { Comparison } from '../../contracts/runs/comparison.ts';
import type { Explanation } from '../../contracts/runs/explanation.ts';
import type { ExecutionStatus } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FollowedItem } from '../../db/feed/run-reader.ts';
import type { StepLogRow } from '../../db/log/step-log.ts';
import type { ExecutionFilter, Step, TreeNode } from '../../db/queries/queries.ts';
import type { AnsweredQuestion, Question } from '../../db/queries/questions.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { CommandResource } from '../../resources/resource.ts';
import type { Attachment } from '../input/attach-option.ts';
import type { LogCommandOptions } from '../print/log-format.ts';
import type { PrintedRun } from '../print/print-run.ts';
import type { ListedQuestion } from '../print/question.ts';
import type { PrintedRows } from '../print/rows.ts';
import type { CallOperation } from './call-operation.ts';
import type { ChatBackend, ChatOptions } from './chat-backend.ts';

/**
 * The operations of commands, implemented by a database and by a server over its REST API. They
 * concern one tenant: the tenant of the command, or on a server the tenant of the API key.
 * `withBackend` chooses: the server if one is set, else the database.
 */
export type Backend = {
  readonly runs: RunBackend;
  readonly questions: QuestionBackend;
  readonly log: LogBackend;
  readonly definitions: DefinitionBackend;
  /** Does an operation that REST has too, in a transaction of the login, or over REST. */
  readonly call: CallOperation;
  /** Opens the conversations. The caller closes them. */
  openChat(options: ChatOptions): Promise<ChatBackend>;
  /** Lets a worker test a model, by its name or id. Throws `HWNTF`. */
  testModel(name: string): Promise<ModelTestReport>;
  /** Returns whether a worker is alive. A server looks after its own workers. */
  isAnyWorkerAlive(): Promise<boolean>;
  /** Runs `work` with a worker in this process, if a database has no other worker. */
  withWorker<T>(work: () => Promise<T>): Promise<T>;
};

/** A row as a list prints it. */
export type Row = Readonly<Record<string, unknown>>;

/** A change of a followed list: the row as it is now, or none if it is not in the list any more. */
export type ListedChange<Listed extends Row = Row> = { id: string; row: Listed | undefined };

/** The runs to follow: `limit` is the number of the newest runs to begin with. */
export type FollowedRuns = Pick<ExecutionFilter, 'status' | 'agent' | 'workflow' | 'ref' | 'limit'>;

/** Runs. Throws `HWNTF` for an unknown run or step. */
export type RunBackend = {
  /** Lists the newest runs. */
  list(filter: Omit<ExecutionFilter, 'tenantId'>): Promise<readonly (Row & { id: string })[]>;
  /** Yields the newest runs, then each run that changes, until the signal fires. */
  followList(filter: FollowedRuns, signal: AbortSignal): AsyncGenerator<ListedChange, void>;
  /**
   * Returns the newest root run: of the user if the login or key has a user, else of the tenant.
   */
  latest(): Promise<string>;
  find(id: string): Promise<PrintedRun['execution']>;
  steps(id: string): Promise<Step[]>;
  step(id: string, seq: number): Promise<Step>;
  /** Returns the tree that the run belongs to, parents before their children. */
  tree(id: string): Promise<TreeNode[]>;
  /** Returns the questions without whose answers the run cannot continue. */
  openQuestions(id: string): Promise<Question[]>;
  explain(id: string): Promise<Explanation>;
  compare(a: string, b: string): Promise<Comparison>;
  control(id: string, action: RunAction): Promise<ControlledRun>;
  /** Does one action on many runs by one call. Returns a result for each id, in order. */
  controlMany(ids: readonly string[], action: RunAction): Promise<readonly ControlResult[]>;
  /** Sends input to a live or paused run, which receives it at its next step. */
  addInput(id: string, content: string): Promise<ControlledRun>;
  /** Starts a run of an agent or workflow. Returns the id of the run. */
  start(run: NewRun): Promise<string>;
  /** Starts a run that shares the first steps of another run. Returns the id of the new run. */
  fork(id: string, fork: NewFork): Promise<string>;
  /** Yields what happens in a run after a step, until the run has ended or the signal fires. */
  follow(id: string, options: FollowOptions, signal: AbortSignal): AsyncGenerator<FollowedEvent>;
};

export type RunAction = 'cancel' | 'pause' | 'resume' | 'retry';
export type ControlledRun = Row & { id: string; status: string; is_pause_requested?: boolean };

/** The outcome of an action on one of many runs: its status, and why it could not be changed. */
export type ControlResult = {
  id: string;
  status: string | null;
  error: { code: string; message: string; detail?: unknown; hint: string | null } | null;
};

/** A run to start. `data` and `metadata` are JSON text. The options that are not set are absent. */
export type NewRun = {
  agent: string;
  input: string;
  data: string | undefined;
  metadata: string | undefined;
  overrides: JsonObject | undefined;
  /** The files to store with the run. A run that is rejected by a database stores no files. */
  files: readonly Attachment[];
  /** The maximum cost, a decimal number. */
  budget: string | undefined;
  options: Omit<
    RunOptions,
    'input_data' | 'input_parts' | 'metadata' | 'max_cost' | 'overrides' | 'callback_url'
  >;
};

/** A run that shares `seq` steps. `data` and `changes` are JSON text with unrounded numbers. */
export type NewFork = {
  seq: number;
  input: string | null;
  version: number | null;
  data: string | null;
  changes: string | null;
  /** Overrides in place of those of the run, as JSON. */
  overrides: string | null;
};

/** `after` is the last step that is known. With `tree`, all runs below are followed too. */
export type FollowOptions = { after: number; tree: boolean };

/**
 * Something that happened in a run: in the log of a database, or in the stream of a server. In a
 * tree, an item of a log names the place of its run.
 */
export type FollowedEvent = FollowedItem | StreamedEvent;
/** An event of a stream, with the question that it announces if the question is still open. */
export type StreamedEvent = {
  type: 'streamed';
  event: StreamEvent;
  question?: Question | undefined;
};

/** A change of the open questions. `item` is the same row for programs. */
export type FollowedQuestion = ListedChange<ListedQuestion> & { item: Row | undefined };

/**
 * Questions of runs to people. The id of a question may also be the id of a run that has only one
 * open question, together with the runs below it. Throws `HWNTF`, and `HWINV` for several.
 */
export type QuestionBackend = {
  /** Lists the newest questions. `items` are the same rows for programs. */
  list(filter: {
    isOpen: boolean;
    limit: number;
  }): Promise<{ items: readonly Row[]; rows: readonly ListedQuestion[] }>;
  /** Yields the newest open questions, then each that changes, until the signal fires. */
  followList(limit: number, signal: AbortSignal): AsyncGenerator<FollowedQuestion, void>;
  answer(id: string, text: string | null, data?: Json): Promise<AnsweredQuestion>;
  /** Approves a call, with other arguments if there are `args`. */
  approve(id: string, options: { remember?: string; args?: Json }): Promise<AnsweredQuestion>;
  reject(id: string, reason: string | null): Promise<AnsweredQuestion>;
};

/** The log of the steps of all runs. */
export type LogBackend = {
  /** Selects runs. Throws `HWNTF` for a run, session, agent or workflow that does not exist. */
  select(selection: LogSelection): Promise<SelectedLog>;
};

/** The run of an id, or the runs that fit all the other conditions. */
export type LogSelection = Pick<LogCommandOptions, 'agent' | 'workflow' | 'session'> & {
  id: string | undefined;
  status?: ExecutionStatus[] | undefined;
  errors?: true | undefined;
};

export type SelectedLog = {
  /** Returns the newest steps since a time, at most `most`, oldest first. */
  read(since: Date, most: number): Promise<StepLogRow[]>;
  /**
   * Yields the result of `readShown`, then each new step as it commits, until the signal fires. Of
   * a single run, ends when the run has ended. `readShown` is called after the follower knows all
   * existing steps, so no step is missed.
   */
  follow(
    readShown: () => Promise<StepLogRow[]>,
    signal: AbortSignal,
  ): AsyncGenerator<StepLogRow, void>;
};

/** Rows of resources, which have names: agents, workflows, tools and others. Throws `HWNTF`. */
export type DefinitionBackend = {
  list(resource: CommandResource): Promise<PrintedRows>;
  /** Lists the tools of an agent as its models see them. */
  listToolsOf(agent: string): Promise<PrintedRows>;
  /** Returns the row of a name or id, if there is one. */
  lookUp(resource: CommandResource, name: string): Promise<(Row & { id: string }) | undefined>;
  /** Returns the row of a name or id. */
  find(resource: CommandResource, name: string): Promise<Row & { id: string }>;
  /** Creates a row of these fields. An agent and a workflow may be given by their names. */
  create(resource: CommandResource, values: Row): Promise<Row & { id: string }>;
  /** Changes fields of the row of a name or id. Returns the changed row. */
  change(resource: CommandResource, name: string, values: Row): Promise<Row & { id: string }>;
  /** Deletes the row of a name or id if `isWanted` says so. Returns the deleted row. */
  delete(
    resource: CommandResource,
    name: string,
    isWanted: () => Promise<boolean>,
  ): Promise<Row | undefined>;
};
