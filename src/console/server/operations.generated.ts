// Generated from the .graphql files of src/console and the GraphQL schema: npm run generate.

import type { Json } from '../../json/json.ts';
import type { Operation } from './operation.ts';

export type AgentEngine = 'a2a' | 'builtin' | 'custom' | 'http' | 'openai';

export type AgentFilter = {
  agentKnowledgeBasesExist?: boolean | null;
  agentModelsExist?: boolean | null;
  agentServersExist?: boolean | null;
  agentSkillsExist?: boolean | null;
  agentSystemExists?: boolean | null;
  agentSystemId?: UUIDFilter | null;
  agentToolsExist?: boolean | null;
  agentVersionsExist?: boolean | null;
  approvalsExist?: boolean | null;
  currentVersionExists?: boolean | null;
  currentVersionId?: UUIDFilter | null;
  evaluationsExist?: boolean | null;
  executionsExist?: boolean | null;
  gradingRulesExist?: boolean | null;
  grantsExist?: boolean | null;
  hooksExist?: boolean | null;
  id?: UUIDFilter | null;
  inboundHooksExist?: boolean | null;
  limitsExist?: boolean | null;
  mailExist?: boolean | null;
  mailSentExist?: boolean | null;
  memoriesExist?: boolean | null;
  name?: StringFilter | null;
  outputFiltersExist?: boolean | null;
  promptExists?: boolean | null;
  promptId?: UUIDFilter | null;
  schedulesExist?: boolean | null;
  sessionsExist?: boolean | null;
  tableTriggersExist?: boolean | null;
  toolPoliciesExist?: boolean | null;
  toolsExist?: boolean | null;
  userExists?: boolean | null;
  userId?: UUIDFilter | null;
  versionLabelsExist?: boolean | null;
  webhooksExist?: boolean | null;
  workflowAgentsExist?: boolean | null;
};

export type AgentVersionFilter = {
  agentId?: UUIDFilter | null;
  agentsByCurrentVersionIdExist?: boolean | null;
  id?: UUIDFilter | null;
  version?: IntFilter | null;
  versionLabelsByAgentIdAndVersionExist?: boolean | null;
};

export type ApprovalScope = 'agent' | 'run' | 'session';

export type DatetimeFilter = {
  distinctFrom?: string | null;
  equalTo?: string | null;
  greaterThan?: string | null;
  greaterThanOrEqualTo?: string | null;
  in?: (string)[] | null;
  isNull?: boolean | null;
  lessThan?: string | null;
  lessThanOrEqualTo?: string | null;
  notDistinctFrom?: string | null;
  notEqualTo?: string | null;
  notIn?: (string)[] | null;
};

export type EvaluationStatus = 'cancelled' | 'completed' | 'running';

export type ExecutionFilter = {
  agent?: AgentFilter | null;
  agentExists?: boolean | null;
  agentId?: UUIDFilter | null;
  agentVersion?: AgentVersionFilter | null;
  agentVersionExists?: boolean | null;
  and?: (ExecutionFilter)[] | null;
  boardEntriesExist?: boolean | null;
  boardEntriesWrittenExist?: boolean | null;
  citationsExist?: boolean | null;
  compensatesExecutionId?: UUIDFilter | null;
  completedAt?: DatetimeFilter | null;
  concurrencyKey?: StringFilter | null;
  feedbackEntriesExist?: boolean | null;
  forkedFromExecutionId?: UUIDFilter | null;
  id?: UUIDFilter | null;
  mailAddressedExist?: boolean | null;
  mailReceivedExist?: boolean | null;
  mailSentExist?: boolean | null;
  memoriesExist?: boolean | null;
  messagesExist?: boolean | null;
  metadata?: JSONFilter | null;
  not?: ExecutionFilter | null;
  or?: (ExecutionFilter)[] | null;
  parentExecutionId?: UUIDFilter | null;
  planTasksExist?: boolean | null;
  questionsExist?: boolean | null;
  ref?: string | null;
  rootExecutionId?: UUIDFilter | null;
  searchesExist?: boolean | null;
  session?: SessionFilter | null;
  sessionExists?: boolean | null;
  sessionId?: UUIDFilter | null;
  staleCitationsExist?: boolean | null;
  status?: ExecutionStatusFilter | null;
  stepsExist?: boolean | null;
  timelineExist?: boolean | null;
  treeExist?: boolean | null;
  treeQuestionsExist?: boolean | null;
  turn?: IntFilter | null;
  user?: UserFilter | null;
  userExists?: boolean | null;
  userId?: UUIDFilter | null;
  waitingFor?: WaitingReasonFilter | null;
  watchedRow?: WatchedRowFilter | null;
  watchedRowExists?: boolean | null;
  workflow?: WorkflowFilter | null;
  workflowExists?: boolean | null;
  workflowId?: UUIDFilter | null;
  workflowVersion?: WorkflowVersionFilter | null;
  workflowVersionExists?: boolean | null;
};

export type ExecutionStatus = 'cancelled' | 'completed' | 'failed' | 'paused' | 'queued' | 'running' | 'waiting';

export type ExecutionStatusFilter = {
  distinctFrom?: ExecutionStatus | null;
  equalTo?: ExecutionStatus | null;
  greaterThan?: ExecutionStatus | null;
  greaterThanOrEqualTo?: ExecutionStatus | null;
  in?: (ExecutionStatus)[] | null;
  isNull?: boolean | null;
  lessThan?: ExecutionStatus | null;
  lessThanOrEqualTo?: ExecutionStatus | null;
  notDistinctFrom?: ExecutionStatus | null;
  notEqualTo?: ExecutionStatus | null;
  notIn?: (ExecutionStatus)[] | null;
};

export type ExecutionsFeedFilter = {
  agent?: string | null;
  agentId?: string | null;
  forkedFromExecutionId?: string | null;
  isRoot?: boolean | null;
  metadata?: Json | null;
  parentExecutionId?: string | null;
  ref?: string | null;
  sessionId?: string | null;
  status?: (ExecutionStatus)[] | null;
  tag?: string | null;
  userId?: string | null;
  workflowId?: string | null;
};

export type FeedbackSource = 'agent' | 'outcome' | 'person' | 'program';

export type FinishReason = 'content_filter' | 'length' | 'refusal' | 'stop' | 'tool_calls';

export type IntFilter = {
  distinctFrom?: number | null;
  equalTo?: number | null;
  greaterThan?: number | null;
  greaterThanOrEqualTo?: number | null;
  in?: (number)[] | null;
  isNull?: boolean | null;
  lessThan?: number | null;
  lessThanOrEqualTo?: number | null;
  notDistinctFrom?: number | null;
  notEqualTo?: number | null;
  notIn?: (number)[] | null;
};

export type JSONFilter = {
  contains?: Json | null;
  equalTo?: Json | null;
};

export type LimitMetric = 'calls' | 'cost' | 'requests' | 'running_calls' | 'running_runs' | 'runs' | 'storage' | 'tokens';

export type LimitPeriod = 'day' | 'hour' | 'minute' | 'month';

export type LimitScope = 'agent' | 'api_key' | 'key' | 'model' | 'session' | 'system' | 'tenant' | 'tool' | 'user';

export type ListEventKind = 'changed' | 'gathered' | 'removed' | 'synced';

export type McpToolStatus = 'accepted' | 'changed' | 'gone' | 'new' | 'refused';

export type MemoryKind = 'episode' | 'fact' | 'preference' | 'procedure';

export type MessageRole = 'assistant' | 'system' | 'tool' | 'user';

export type ModelPurpose = 'classifier' | 'embedding' | 'image' | 'llm' | 'rerank' | 'stt' | 'tts';

export type ProposalStatus = 'approved' | 'open' | 'rejected';

export type QuestionKind = 'approval' | 'effect' | 'question';

export type QuestionStatus = 'answered' | 'cancelled' | 'expired' | 'open';

export type SessionFilter = {
  agent?: AgentFilter | null;
  agentExists?: boolean | null;
  agentId?: UUIDFilter | null;
  and?: (SessionFilter)[] | null;
  approvalsExist?: boolean | null;
  chatKey?: StringFilter | null;
  executionsExist?: boolean | null;
  forkedFromSession?: SessionFilter | null;
  forkedFromSessionExists?: boolean | null;
  forkedFromSessionId?: UUIDFilter | null;
  id?: UUIDFilter | null;
  limitsExist?: boolean | null;
  memoriesExist?: boolean | null;
  not?: SessionFilter | null;
  or?: (SessionFilter)[] | null;
  questionsExist?: boolean | null;
  resourcesExist?: boolean | null;
  schedulesExist?: boolean | null;
  sessionsByForkedFromSessionIdExist?: boolean | null;
  tenant?: TenantFilter | null;
  todosExist?: boolean | null;
  user?: UserFilter | null;
  userExists?: boolean | null;
  userId?: UUIDFilter | null;
  words?: string | null;
  workflow?: WorkflowFilter | null;
  workflowExists?: boolean | null;
  workflowId?: UUIDFilter | null;
};

export type SessionPolicy = 'interrupt' | 'queue' | 'reject' | 'steer';

export type StepKind = 'answer' | 'child' | 'child_started' | 'error' | 'fork' | 'guard' | 'handoff' | 'input' | 'model' | 'output' | 'question' | 'retry' | 'timer' | 'tool' | 'tool_started';

export type StopReason = 'cancelled' | 'error' | 'expired' | 'final_answer' | 'loop_guard' | 'max_cost' | 'max_steps' | 'max_time' | 'max_tokens' | 'poison';

export type StringFilter = {
  distinctFrom?: string | null;
  distinctFromInsensitive?: string | null;
  endsWith?: string | null;
  endsWithInsensitive?: string | null;
  equalTo?: string | null;
  equalToInsensitive?: string | null;
  greaterThan?: string | null;
  greaterThanInsensitive?: string | null;
  greaterThanOrEqualTo?: string | null;
  greaterThanOrEqualToInsensitive?: string | null;
  in?: (string)[] | null;
  inInsensitive?: (string)[] | null;
  includes?: string | null;
  includesInsensitive?: string | null;
  isNull?: boolean | null;
  lessThan?: string | null;
  lessThanInsensitive?: string | null;
  lessThanOrEqualTo?: string | null;
  lessThanOrEqualToInsensitive?: string | null;
  like?: string | null;
  likeInsensitive?: string | null;
  notDistinctFrom?: string | null;
  notDistinctFromInsensitive?: string | null;
  notEndsWith?: string | null;
  notEndsWithInsensitive?: string | null;
  notEqualTo?: string | null;
  notEqualToInsensitive?: string | null;
  notIn?: (string)[] | null;
  notInInsensitive?: (string)[] | null;
  notIncludes?: string | null;
  notIncludesInsensitive?: string | null;
  notLike?: string | null;
  notLikeInsensitive?: string | null;
  notStartsWith?: string | null;
  notStartsWithInsensitive?: string | null;
  startsWith?: string | null;
  startsWithInsensitive?: string | null;
};

export type TenantFilter = {
  agentKnowledgeBasesExist?: boolean | null;
  agentSystemsExist?: boolean | null;
  agentsExist?: boolean | null;
  alertRulesExist?: boolean | null;
  apiKeysExist?: boolean | null;
  approvalsExist?: boolean | null;
  boardEntriesExist?: boolean | null;
  chunksExist?: boolean | null;
  citationsExist?: boolean | null;
  connectedAccountsExist?: boolean | null;
  datasetItemsExist?: boolean | null;
  datasetsExist?: boolean | null;
  documentsExist?: boolean | null;
  evaluationResultsExist?: boolean | null;
  evaluationsExist?: boolean | null;
  feedbackEntriesExist?: boolean | null;
  gradersExist?: boolean | null;
  gradesExist?: boolean | null;
  gradingRulesExist?: boolean | null;
  grantsExist?: boolean | null;
  hooksExist?: boolean | null;
  id?: UUIDFilter | null;
  inboundDeliveriesExist?: boolean | null;
  inboundHooksExist?: boolean | null;
  integrationsExist?: boolean | null;
  knowledgeBasesExist?: boolean | null;
  knowledgeSearchesExist?: boolean | null;
  knowledgeWatchesExist?: boolean | null;
  limitsExist?: boolean | null;
  mailsExist?: boolean | null;
  mcpServersExist?: boolean | null;
  memoriesExist?: boolean | null;
  modelTestsExist?: boolean | null;
  modelsExist?: boolean | null;
  outputFiltersExist?: boolean | null;
  promptsExist?: boolean | null;
  questionsExist?: boolean | null;
  resourcesExist?: boolean | null;
  retentionPolicyExists?: boolean | null;
  savedViewsExist?: boolean | null;
  schedulesExist?: boolean | null;
  searchResultsExist?: boolean | null;
  secretsExist?: boolean | null;
  sessionsExist?: boolean | null;
  settingsExist?: boolean | null;
  skillsExist?: boolean | null;
  slug?: StringFilter | null;
  tableTriggersExist?: boolean | null;
  toolPoliciesExist?: boolean | null;
  toolsExist?: boolean | null;
  usersExist?: boolean | null;
  versionLabelsExist?: boolean | null;
  watchedRowsExist?: boolean | null;
  webhookDeliveriesExist?: boolean | null;
  webhooksExist?: boolean | null;
  workflowsExist?: boolean | null;
};

export type ToolEffect = 'idempotent' | 'once' | 'pure';

export type Trust = 'external' | 'internal' | 'system' | 'user';

export type UUIDFilter = {
  distinctFrom?: string | null;
  equalTo?: string | null;
  greaterThan?: string | null;
  greaterThanOrEqualTo?: string | null;
  in?: (string)[] | null;
  isNull?: boolean | null;
  lessThan?: string | null;
  lessThanOrEqualTo?: string | null;
  notDistinctFrom?: string | null;
  notEqualTo?: string | null;
  notIn?: (string)[] | null;
};

export type UserFilter = {
  agentsExist?: boolean | null;
  apiKeysExist?: boolean | null;
  connectedAccountsExist?: boolean | null;
  executionsExist?: boolean | null;
  gradesExist?: boolean | null;
  grantsExist?: boolean | null;
  id?: UUIDFilter | null;
  inboundHooksExist?: boolean | null;
  knowledgeSearchesExist?: boolean | null;
  limitsExist?: boolean | null;
  memoriesExist?: boolean | null;
  savedViewsExist?: boolean | null;
  schedulesExist?: boolean | null;
  secretsByCreatedByExist?: boolean | null;
  sessionsExist?: boolean | null;
  username?: StringFilter | null;
};

export type UserRole = 'admin' | 'member' | 'owner' | 'viewer';

export type WaitingReason = 'child' | 'question' | 'quota' | 'timer' | 'turn';

export type WaitingReasonFilter = {
  distinctFrom?: WaitingReason | null;
  equalTo?: WaitingReason | null;
  greaterThan?: WaitingReason | null;
  greaterThanOrEqualTo?: WaitingReason | null;
  in?: (WaitingReason)[] | null;
  isNull?: boolean | null;
  lessThan?: WaitingReason | null;
  lessThanOrEqualTo?: WaitingReason | null;
  notDistinctFrom?: WaitingReason | null;
  notEqualTo?: WaitingReason | null;
  notIn?: (WaitingReason)[] | null;
};

export type WatchedRowFilter = {
  executionId?: UUIDFilter | null;
  tableTriggerId?: UUIDFilter | null;
  updatedAt?: DatetimeFilter | null;
};

export type WorkflowFilter = {
  agentSystemExists?: boolean | null;
  agentSystemId?: UUIDFilter | null;
  currentVersionExists?: boolean | null;
  currentVersionId?: UUIDFilter | null;
  evaluationsExist?: boolean | null;
  executionsExist?: boolean | null;
  gradingRulesExist?: boolean | null;
  grantsExist?: boolean | null;
  hooksExist?: boolean | null;
  id?: UUIDFilter | null;
  inboundHooksExist?: boolean | null;
  name?: StringFilter | null;
  schedulesExist?: boolean | null;
  sessionsExist?: boolean | null;
  tableTriggersExist?: boolean | null;
  toolsExist?: boolean | null;
  versionLabelsExist?: boolean | null;
  webhooksExist?: boolean | null;
  workflowAgentsByMemberWorkflowIdExist?: boolean | null;
  workflowAgentsExist?: boolean | null;
  workflowVersionsExist?: boolean | null;
};

export type WorkflowVersionFilter = {
  id?: UUIDFilter | null;
  version?: IntFilter | null;
  versionLabelsByWorkflowIdAndVersionExist?: boolean | null;
  workflowId?: UUIDFilter | null;
  workflowsByCurrentVersionIdExist?: boolean | null;
};

export type AnswerEvent = { event: string; cursor: string | null; executionId: string | null; agent: string | null; data: Json };

export type AnswerRun = { id: string; turn: number | null; status: ExecutionStatus; waitingFor: WaitingReason | null; stopReason: StopReason | null; input: string; inputParts: Json | null; output: string | null; error: Json | null; createdAt: string; startedAt: string | null; completedAt: string | null; tokensIn: string; tokensOut: string; childrenTokensIn: string; childrenTokensOut: string; cost: string; childrenCost: string; agent: { name: string } | null; agentVersion: { version: number } | null; workflow: { name: string } | null; treeQuestions: { nodes: ({ id: string } | null)[] }; feedbackEntries: { nodes: ({ id: string; score: number | null; comment: string | null; messageSeq: number | null; createdBy: string } | null)[] } };

export type SessionLine = { id: string; title: string | null; turns: number; liveExecutionId: string | null; lastActivityAt: string; createdAt: string; agent: { name: string } | null; workflow: { name: string } | null };

export type ComparedRun = { id: string; status: ExecutionStatus; overrides: Json | null; agentVersion: { models: Json } | null; timeline: { nodes: (TimelineStep | null)[] } };

export type Feedback = { id: string; score: number | null; comment: string | null; outcome: string | null; source: FeedbackSource; isReward: boolean; messageSeq: number | null; createdBy: string; createdAt: string };

export type ForkRow = { id: string; status: ExecutionStatus; waitingFor: WaitingReason | null; createdAt: string; startedAt: string | null; completedAt: string | null; forkedFromSeq: number | null; tokensIn: string; tokensOut: string; childrenTokensIn: string; childrenTokensOut: string; cost: string; childrenCost: string; agent: { name: string } | null; agentVersion: { version: number } | null; workflow: { name: string } | null; workflowVersion: { version: number } | null };

export type QuestionLine = { id: string; kind: QuestionKind; prompt: string; trust: Trust; createdAt: string; expiresAt: string | null; executionId: string; execution: { agent: { name: string } | null; workflow: { name: string } | null } | null };

export type QuestionDetail = { id: string; kind: QuestionKind; status: QuestionStatus; prompt: string; schema: Json | null; options: Json | null; toolCall: Json | null; preview: Json | null; trust: Trust; createdAt: string; expiresAt: string | null; defaultAnswer: string | null; requiredRole: UserRole | null; answer: string | null; answeredAt: string | null; answeredBy: string | null; executionId: string; rootExecutionId: string; execution: { agent: { name: string } | null; workflow: { name: string } | null; input: string } | null };

export type ProposalDetail = { id: string; content: string; kind: MemoryKind; trust: Trust; proposalStatus: ProposalStatus | null; proposedAt: string | null; decidedBy: string | null; createdBy: string; supersededBy: string | null; sourceExecutionId: string | null; sourceSeq: number | null; agent: { id: string; name: string } | null; sourceExecution: { input: string } | null; supersededMemories: { nodes: ({ content: string } | null)[] }; approvedMemories: { nodes: ({ id: string } | null)[] } };

export type EvaluationRow = { id: string; status: EvaluationStatus; items: number; repeats: number; version: number; label: string | null; split: string | null; totals: Json; createdAt: string; agent: { id: string; name: string } | null; workflow: { id: string; name: string } | null; dataset: { id: string; name: string } | null };

export type ToolHolder = { name: string; isActive: boolean; deletedAt: string | null; engine: AgentEngine; humanInput: boolean; agentTools: { nodes: ({ toolId: string } | null)[] }; agentServers: { nodes: ({ allowedTools: (string | null)[] | null } | null)[] }; agentSkills: { nodes: ({ skillId: string } | null)[] } };

export type RunHead = { id: string; status: ExecutionStatus; waitingFor: WaitingReason | null; stopReason: StopReason | null; finishReason: FinishReason | null; createdAt: string; runAt: string; startedAt: string | null; completedAt: string | null; queueSeconds: number | null; isPauseRequested: boolean; input: string; inputData: Json | null; output: string | null; outputData: Json | null; error: Json | null; metadata: Json; trust: Trust; tokensIn: string; tokensOut: string; childrenTokensIn: string; childrenTokensOut: string; cost: string; childrenCost: string; stepCount: number; modelCount: number; messageCount: number; createdBy: string; rootExecutionId: string; parentExecutionId: string | null; forkedFromExecutionId: string | null; forkedFromSeq: number | null; sessionId: string | null; turn: number | null; agent: { name: string } | null; agentVersion: { version: number } | null; workflow: { name: string } | null; workflowVersion: { version: number } | null; user: { username: string } | null; treeQuestions: { nodes: ({ id: string; kind: QuestionKind; prompt: string } | null)[] } };

export type TreeRun = { id: string; status: ExecutionStatus; waitingFor: WaitingReason | null; parentExecutionId: string | null; createdAt: string; runAt: string; startedAt: string | null; completedAt: string | null; tokensIn: string; tokensOut: string; cost: string; agent: { name: string } | null; workflow: { name: string } | null };

export type TimelineStep = { executionId: string | null; seq: number | null; kind: StepKind | null; name: string | null; ms: string | null; startedAt: string | null; tokensIn: number | null; tokensOut: number | null; cost: string | null; error: string | null; said: string | null };

export type RunMessage = { seq: number; stepSeq: number | null; role: MessageRole; content: string | null; parts: Json | null; toolCalls: Json | null; toolCallId: string | null; trust: Trust; tokensIn: number; tokensOut: number; createdAt: string };

export type RunRow = { id: string; status: ExecutionStatus; waitingFor: WaitingReason | null; stopReason: StopReason | null; createdAt: string; startedAt: string | null; completedAt: string | null; tokensIn: string; tokensOut: string; childrenTokensIn: string; childrenTokensOut: string; cost: string; childrenCost: string; stepCount: number; metadata: Json; parentExecutionId: string | null; sessionId: string | null; input?: string; agent: { name: string } | null; agentVersion: { version: number } | null; workflow: { name: string } | null };

export type AskAgent = { run: { result: { id: string } | null } | null };
export type AskAgentVariables = { agent: string; input: string; inputParts?: Json | null; sessionId?: string | null; version?: string | null; overrides?: Json | null; metadata?: Json | null; idempotencyKey?: string | null };
export const askAgent: Operation<AskAgent, AskAgentVariables> = {
  name: 'AskAgent',
  text: "mutation AskAgent($agent:String!$input:String!$inputParts:JSON$sessionId:UUID$version:String$overrides:JSON$metadata:JSON$idempotencyKey:String){run(input:{agent:$agent input:$input inputParts:$inputParts sessionId:$sessionId version:$version overrides:$overrides metadata:$metadata idempotencyKey:$idempotencyKey}){result{id}}}",
};

export type ToolsOfAgent = { agentToolList: Json | null };
export type ToolsOfAgentVariables = { agent: string };
export const toolsOfAgent: Operation<ToolsOfAgent, ToolsOfAgentVariables> = {
  name: 'ToolsOfAgent',
  text: "query ToolsOfAgent($agent:String!){agentToolList(agent:$agent)}",
};

export type Sessions = { sessions: { nodes: (SessionLine | null)[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null };
export type SessionsVariables = { filter?: SessionFilter | null; first: number; after?: string | null };
export const sessions: Operation<Sessions, SessionsVariables> = {
  name: 'Sessions',
  text: "query Sessions($filter:SessionFilter$first:Int!$after:Cursor){sessions(filter:$filter orderBy:[ID_DESC]first:$first after:$after){nodes{...SessionLine}pageInfo{hasNextPage endCursor}}}fragment SessionLine on Session{id title turns liveExecutionId lastActivityAt createdAt agent{name}workflow{name}}",
};

export type OneSession = { session: { policy: SessionPolicy; forkedFromSessionId: string | null; forkedFromTurn: number | null; resources: { nodes: ({ id: string; name: string; type: string; size: string } | null)[] } } & SessionLine | null };
export type OneSessionVariables = { id: string };
export const oneSession: Operation<OneSession, OneSessionVariables> = {
  name: 'OneSession',
  text: "query OneSession($id:UUID!){session(id:$id){...SessionLine policy forkedFromSessionId forkedFromTurn resources(first:200){nodes{id name type size}}}}fragment SessionLine on Session{id title turns liveExecutionId lastActivityAt createdAt agent{name}workflow{name}}",
};

export type NewestTurns = { executions: { nodes: (AnswerRun | null)[]; pageInfo: { hasNextPage: boolean } } | null };
export type NewestTurnsVariables = { id: string; before: number; first: number };
export const newestTurns: Operation<NewestTurns, NewestTurnsVariables> = {
  name: 'NewestTurns',
  text: "query NewestTurns($id:UUID!$before:Int!$first:Int!){executions(filter:{sessionId:{equalTo:$id}parentExecutionId:{isNull:true}turn:{lessThan:$before}}orderBy:[TURN_DESC]first:$first){nodes{...AnswerRun}pageInfo{hasNextPage}}}fragment AnswerRun on Execution{id turn status waitingFor stopReason input inputParts output error createdAt startedAt completedAt tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost agent{name}agentVersion{version}workflow{name}treeQuestions(filter:{status:{equalTo:open}}first:5){nodes{id}}feedbackEntries(orderBy:[ID_DESC]first:20){nodes{id score comment messageSeq createdBy}}}",
};

export type TurnsFrom = { executions: { nodes: (AnswerRun | null)[] } | null };
export type TurnsFromVariables = { id: string; from: number; first: number };
export const turnsFrom: Operation<TurnsFrom, TurnsFromVariables> = {
  name: 'TurnsFrom',
  text: "query TurnsFrom($id:UUID!$from:Int!$first:Int!){executions(filter:{sessionId:{equalTo:$id}parentExecutionId:{isNull:true}turn:{greaterThanOrEqualTo:$from}}orderBy:[TURN_ASC]first:$first){nodes{...AnswerRun}}}fragment AnswerRun on Execution{id turn status waitingFor stopReason input inputParts output error createdAt startedAt completedAt tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost agent{name}agentVersion{version}workflow{name}treeQuestions(filter:{status:{equalTo:open}}first:5){nodes{id}}feedbackEntries(orderBy:[ID_DESC]first:20){nodes{id score comment messageSeq createdBy}}}",
};

export type SessionAnswers = { sessionEvents: AnswerEvent | null };
export type SessionAnswersVariables = { id: string; after?: string | null };
export const sessionAnswers: Operation<SessionAnswers, SessionAnswersVariables> = {
  name: 'SessionAnswers',
  text: "subscription SessionAnswers($id:UUID!$after:String){sessionEvents(sessionId:$id after:$after tree:false){...AnswerEvent}}fragment AnswerEvent on RunEvent{event cursor executionId agent data}",
};

export type StartConversation = { startSession: { result: { id: string } | null } | null };
export type StartConversationVariables = { agent?: string | null; workflow?: string | null; title?: string | null };
export const startConversation: Operation<StartConversation, StartConversationVariables> = {
  name: 'StartConversation',
  text: "mutation StartConversation($agent:String$workflow:String$title:String){startSession(input:{agent:$agent workflow:$workflow title:$title}){result{id}}}",
};

export type SwitchAgent = { switchAgent: { result: { id: string } | null } | null };
export type SwitchAgentVariables = { id: string; agent?: string | null; workflow?: string | null };
export const switchAgent: Operation<SwitchAgent, SwitchAgentVariables> = {
  name: 'SwitchAgent',
  text: "mutation SwitchAgent($id:UUID!$agent:String$workflow:String){switchAgent(input:{sessionId:$id agent:$agent workflow:$workflow}){result{id}}}",
};

export type ChatPrompts = { prompts: { nodes: ({ id: string; name: string; description: string; template: string } | null)[] } | null };
export type ChatPromptsVariables = {  };
export const chatPrompts: Operation<ChatPrompts, ChatPromptsVariables> = {
  name: 'ChatPrompts',
  text: "query ChatPrompts{prompts(orderBy:[NAME_ASC]first:200){nodes{id name description template}}}",
};

export type AskWorkflow = { runWorkflow: { result: { id: string } | null } | null };
export type AskWorkflowVariables = { workflow: string; input: string; sessionId?: string | null; metadata?: Json | null; idempotencyKey?: string | null };
export const askWorkflow: Operation<AskWorkflow, AskWorkflowVariables> = {
  name: 'AskWorkflow',
  text: "mutation AskWorkflow($workflow:String!$input:String!$sessionId:UUID$metadata:JSON$idempotencyKey:String){runWorkflow(input:{workflow:$workflow input:$input sessionId:$sessionId metadata:$metadata idempotencyKey:$idempotencyKey}){result{id}}}",
};

export type CompareRuns = { compareExecutions: Json | null; first: ComparedRun | null; second: ComparedRun | null };
export type CompareRunsVariables = { a: string; b: string };
export const compareRuns: Operation<CompareRuns, CompareRunsVariables> = {
  name: 'CompareRuns',
  text: "query CompareRuns($a:UUID!$b:UUID!){compareExecutions(a:$a b:$b)first:execution(id:$a){...ComparedRun}second:execution(id:$b){...ComparedRun}}fragment ComparedRun on Execution{id status overrides agentVersion{models:definition}timeline(orderBy:[SEQ_ASC]first:1000){nodes{...TimelineStep}}}fragment TimelineStep on ExecutionTimeline{executionId seq kind name ms startedAt tokensIn tokensOut cost error said}",
};

export type LimitUse = { limitUsages: { nodes: ({ limitId: string | null; scope: LimitScope | null; subjectId: string | null; key: string | null; metric: LimitMetric | null; period: LimitPeriod | null; used: string | null; maxValue: string | null; waiting: number | null; resetsAt: string | null } | null)[] } | null };
export type LimitUseVariables = {  };
export const limitUse: Operation<LimitUse, LimitUseVariables> = {
  name: 'LimitUse',
  text: "query LimitUse{limitUsages(first:100){nodes{limitId scope subjectId key metric period used maxValue waiting resetsAt}}}",
};

export type RunFeedback = { execution: { feedbackEntries: { nodes: (Feedback | null)[] } } | null };
export type RunFeedbackVariables = { id: string };
export const runFeedback: Operation<RunFeedback, RunFeedbackVariables> = {
  name: 'RunFeedback',
  text: "query RunFeedback($id:UUID!){execution(id:$id){feedbackEntries(orderBy:[ID_DESC]first:20){nodes{...Feedback}}}}fragment Feedback on FeedbackEntry{id score comment outcome source isReward messageSeq createdBy createdAt}",
};

export type GiveFeedback = { giveFeedback: { result: Feedback | null } | null };
export type GiveFeedbackVariables = { id: string; score?: number | null; comment?: string | null };
export const giveFeedback: Operation<GiveFeedback, GiveFeedbackVariables> = {
  name: 'GiveFeedback',
  text: "mutation GiveFeedback($id:UUID!$score:Float$comment:String){giveFeedback(input:{executionId:$id score:$score comment:$comment}){result{...Feedback}}}fragment Feedback on FeedbackEntry{id score comment outcome source isReward messageSeq createdBy createdAt}",
};

export type RunForks = { origin?: ForkRow | null; executions: { nodes: (ForkRow | null)[]; pageInfo: { hasNextPage: boolean } } | null };
export type RunForksVariables = { id: string; origin: string; hasOrigin: boolean };
export const runForks: Operation<RunForks, RunForksVariables> = {
  name: 'RunForks',
  text: "query RunForks($id:UUID!$origin:UUID!$hasOrigin:Boolean!){origin:execution(id:$origin)@include(if:$hasOrigin){...ForkRow}executions(filter:{forkedFromExecutionId:{equalTo:$id}}orderBy:[ID_DESC]first:50){nodes{...ForkRow}pageInfo{hasNextPage}}}fragment ForkRow on Execution{id status waitingFor createdAt startedAt completedAt forkedFromSeq tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost agent{name}agentVersion{version}workflow{name}workflowVersion{version}}",
};

export type ForkVersions = { execution: { overrides: Json | null; agentVersion: { version: number } | null; workflowVersion: { version: number } | null; agent: { engine: AgentEngine; agentVersions: { nodes: ({ version: number; createdAt: string } | null)[] } } | null; workflow: { workflowVersions: { nodes: ({ version: number; createdAt: string } | null)[] } } | null } | null };
export type ForkVersionsVariables = { id: string };
export const forkVersions: Operation<ForkVersions, ForkVersionsVariables> = {
  name: 'ForkVersions',
  text: "query ForkVersions($id:UUID!){execution(id:$id){overrides agentVersion{version}workflowVersion{version}agent{engine agentVersions(orderBy:[VERSION_DESC]first:100){nodes{version createdAt}}}workflow{workflowVersions(orderBy:[VERSION_DESC]first:100){nodes{version createdAt}}}}}",
};

export type ForkRun = { forkExecution: { result: { id: string } | null } | null };
export type ForkRunVariables = { id: string; seq: number; input?: string | null; inputData?: Json | null; version?: number | null; overrides?: Json | null };
export const forkRun: Operation<ForkRun, ForkRunVariables> = {
  name: 'ForkRun',
  text: "mutation ForkRun($id:UUID!$seq:Int!$input:String$inputData:JSON$version:Int$overrides:JSON){forkExecution(input:{id:$id seq:$seq input:$input inputData:$inputData version:$version overrides:$overrides}){result{id}}}",
};

export type WorkflowOfRun = { execution: { workflowVersion: { definition: Json } | null } | null };
export type WorkflowOfRunVariables = { id: string };
export const workflowOfRun: Operation<WorkflowOfRun, WorkflowOfRunVariables> = {
  name: 'WorkflowOfRun',
  text: "query WorkflowOfRun($id:UUID!){execution(id:$id){workflowVersion{definition}}}",
};

export type MemberStarts = { steps: { nodes: ({ seq: number; output: Json | null } | null)[] } | null };
export type MemberStartsVariables = { id: string; seqs: (number)[] };
export const memberStarts: Operation<MemberStarts, MemberStartsVariables> = {
  name: 'MemberStarts',
  text: "query MemberStarts($id:UUID!$seqs:[Int!]!){steps(filter:{executionId:{equalTo:$id}seq:{in:$seqs}}first:200){nodes{seq output}}}",
};

export type Overview = { any: { nodes: ({ id: string } | null)[] } | null; failed: { nodes: ({ id: string; completedAt: string | null; error: Json | null; stopReason: StopReason | null; agent: { name: string } | null; workflow: { name: string } | null } | null)[] } | null; queued: { nodes: ({ id: string; createdAt: string; runAt: string; agent: { name: string } | null; workflow: { name: string } | null } | null)[] } | null; usageByDays: { nodes: ({ runs: string | null; cost: string | null; calls: string | null; outcome: string | null } | null)[] } | null; limitUsages: { nodes: ({ scope: LimitScope | null; period: LimitPeriod | null; used: string | null; maxValue: string | null } | null)[] } | null };
export type OverviewVariables = { today: string };
export const overview: Operation<Overview, OverviewVariables> = {
  name: 'Overview',
  text: "query Overview($today:Date!){any:executions(first:1 orderBy:[ID_DESC]){nodes{id}}failed:executions(filter:{status:{equalTo:failed}}orderBy:[ID_DESC]first:5){nodes{id completedAt error stopReason agent{name}workflow{name}}}queued:executions(filter:{status:{equalTo:queued}}orderBy:[ID_ASC]first:1){nodes{id createdAt runAt agent{name}workflow{name}}}usageByDays(filter:{day:{equalTo:$today}}first:1000){nodes{runs cost calls outcome}}limitUsages(first:20 filter:{metric:{equalTo:cost}}){nodes{scope period used maxValue}}}",
};

export type StartRun = { run: { result: { id: string } | null } | null };
export type StartRunVariables = { agent: string; input: string };
export const startRun: Operation<StartRun, StartRunVariables> = {
  name: 'StartRun',
  text: "mutation StartRun($agent:String!$input:String!){run(input:{agent:$agent input:$input}){result{id}}}",
};

export type OpenQuestions = { questions: { nodes: (QuestionLine | null)[] } | null };
export type OpenQuestionsVariables = { first: number };
export const openQuestions: Operation<OpenQuestions, OpenQuestionsVariables> = {
  name: 'OpenQuestions',
  text: "query OpenQuestions($first:Int!){questions(filter:{status:{equalTo:open}}orderBy:[ID_DESC]first:$first){nodes{...QuestionLine}}}fragment QuestionLine on Question{id kind prompt trust createdAt expiresAt executionId execution{agent{name}workflow{name}}}",
};

export type OneQuestion = { question: QuestionDetail | null };
export type OneQuestionVariables = { id: string };
export const oneQuestion: Operation<OneQuestion, OneQuestionVariables> = {
  name: 'OneQuestion',
  text: "query OneQuestion($id:UUID!){question(id:$id){...QuestionDetail}}fragment QuestionDetail on Question{id kind status prompt schema options toolCall preview trust createdAt expiresAt defaultAnswer requiredRole answer answeredAt answeredBy executionId rootExecutionId execution{agent{name}workflow{name}input}}",
};

export type QuestionsFeed = { questionsFeed: { kind: ListEventKind; questions: (QuestionLine | null)[]; removedIds: (string)[] } | null };
export type QuestionsFeedVariables = { first: number };
export const questionsFeed: Operation<QuestionsFeed, QuestionsFeedVariables> = {
  name: 'QuestionsFeed',
  text: "subscription QuestionsFeed($first:Int!){questionsFeed(filter:{status:open}first:$first gatherMs:200 newestOnly:true){kind questions{...QuestionLine}removedIds}}fragment QuestionLine on Question{id kind prompt trust createdAt expiresAt executionId execution{agent{name}workflow{name}}}",
};

export type AnswerOne = { answerQuestion: { result: { id: string; status: QuestionStatus; answer: string | null; answeredBy: string | null } | null } | null };
export type AnswerOneVariables = { id: string; answer?: string | null; data?: Json | null };
export const answerOne: Operation<AnswerOne, AnswerOneVariables> = {
  name: 'AnswerOne',
  text: "mutation AnswerOne($id:UUID!$answer:String$data:JSON){answerQuestion(input:{id:$id answer:$answer data:$data}){result{id status answer answeredBy}}}",
};

export type ApproveOne = { approve: { result: { id: string; status: QuestionStatus; answer: string | null; answeredBy: string | null } | null } | null };
export type ApproveOneVariables = { id: string; arguments?: Json | null; remember?: ApprovalScope | null };
export const approveOne: Operation<ApproveOne, ApproveOneVariables> = {
  name: 'ApproveOne',
  text: "mutation ApproveOne($id:UUID!$arguments:JSON$remember:ApprovalScope){approve(input:{questionId:$id arguments:$arguments remember:$remember}){result{id status answer answeredBy}}}",
};

export type RejectOne = { reject: { result: { id: string; status: QuestionStatus; answer: string | null; answeredBy: string | null } | null } | null };
export type RejectOneVariables = { id: string; reason?: string | null };
export const rejectOne: Operation<RejectOne, RejectOneVariables> = {
  name: 'RejectOne',
  text: "mutation RejectOne($id:UUID!$reason:String){reject(input:{questionId:$id reason:$reason}){result{id status answer answeredBy}}}",
};

export type ProposingAgents = { agents: { nodes: ({ id: string; name: string } | null)[] } | null };
export type ProposingAgentsVariables = { ids: (string)[] };
export const proposingAgents: Operation<ProposingAgents, ProposingAgentsVariables> = {
  name: 'ProposingAgents',
  text: "query ProposingAgents($ids:[UUID!]!){agents(filter:{id:{in:$ids}}){nodes{id name}}}",
};

export type OneProposal = { memory: ProposalDetail | null };
export type OneProposalVariables = { id: string };
export const oneProposal: Operation<OneProposal, OneProposalVariables> = {
  name: 'OneProposal',
  text: "query OneProposal($id:UUID!){memory(id:$id){...ProposalDetail}}fragment ProposalDetail on Memory{id content kind trust proposalStatus proposedAt decidedBy createdBy supersededBy sourceExecutionId sourceSeq agent{id name}sourceExecution{input}supersededMemories(first:1 orderBy:[ID_DESC]){nodes{content}}approvedMemories(first:1 orderBy:[ID_DESC]){nodes{id}}}",
};

export type ApproveProposal = { approveMemory: { result: { id: string } | null } | null };
export type ApproveProposalVariables = { id: string; content?: string | null };
export const approveProposal: Operation<ApproveProposal, ApproveProposalVariables> = {
  name: 'ApproveProposal',
  text: "mutation ApproveProposal($id:UUID!$content:String){approveMemory(input:{id:$id content:$content}){result{id}}}",
};

export type RejectProposal = { rejectMemory: { result: { id: string } | null } | null };
export type RejectProposalVariables = { id: string };
export const rejectProposal: Operation<RejectProposal, RejectProposalVariables> = {
  name: 'RejectProposal',
  text: "mutation RejectProposal($id:UUID!){rejectMemory(input:{id:$id}){result{id}}}",
};

export type KnowledgeBases = { knowledgeBases: { nodes: ({ id: string; name: string; domain: string | null; language: string; trust: Trust; state: Json | null } | null)[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null };
export type KnowledgeBasesVariables = { after?: string | null };
export const knowledgeBases: Operation<KnowledgeBases, KnowledgeBasesVariables> = {
  name: 'KnowledgeBases',
  text: "query KnowledgeBases($after:Cursor){knowledgeBases(first:50 after:$after orderBy:PRIMARY_KEY_DESC){nodes{id name domain language trust state}pageInfo{hasNextPage endCursor}}}",
};

export type KnowledgeState = { knowledgeBase: { state: Json | null } | null };
export type KnowledgeStateVariables = { id: string };
export const knowledgeState: Operation<KnowledgeState, KnowledgeStateVariables> = {
  name: 'KnowledgeState',
  text: "query KnowledgeState($id:UUID!){knowledgeBase(id:$id){state}}",
};

export type DocumentContent = { document: { content: string } | null };
export type DocumentContentVariables = { id: string };
export const documentContent: Operation<DocumentContent, DocumentContentVariables> = {
  name: 'DocumentContent',
  text: "query DocumentContent($id:UUID!){document(id:$id){content}}",
};

export type RetryDocument = { updateDocument: { document: { id: string } | null } | null };
export type RetryDocumentVariables = { id: string };
export const retryDocument: Operation<RetryDocument, RetryDocumentVariables> = {
  name: 'RetryDocument',
  text: "mutation RetryDocument($id:UUID!){updateDocument(input:{id:$id patch:{status:pending}}){document{id}}}",
};

export type PlaygroundAgent = { agents: { nodes: ({ id: string; name: string; instruction: string; currentVersion: { version: number } | null; agentVersions: { nodes: ({ version: number } | null)[] }; versionLabels: { nodes: ({ label: string; version: number } | null)[] }; agentModels: { nodes: ({ position: number; requestParams: Json; model: { name: string } | null } | null)[] } } | null)[] } | null };
export type PlaygroundAgentVariables = { name: string };
export const playgroundAgent: Operation<PlaygroundAgent, PlaygroundAgentVariables> = {
  name: 'PlaygroundAgent',
  text: "query PlaygroundAgent($name:String!){agents(filter:{name:{equalTo:$name}}first:1){nodes{id name instruction currentVersion{version}agentVersions(orderBy:[VERSION_DESC]first:100){nodes{version}}versionLabels(first:100){nodes{label version}}agentModels(filter:{purpose:{equalTo:llm}}orderBy:[POSITION_ASC]first:20){nodes{position requestParams model{name}}}}}}",
};

export type PlaygroundVersion = { agentVersions: { nodes: ({ definition: Json } | null)[] } | null };
export type PlaygroundVersionVariables = { agentId: string; version: number };
export const playgroundVersion: Operation<PlaygroundVersion, PlaygroundVersionVariables> = {
  name: 'PlaygroundVersion',
  text: "query PlaygroundVersion($agentId:UUID!$version:Int!){agentVersions(filter:{agentId:{equalTo:$agentId}version:{equalTo:$version}}first:1){nodes{definition}}}",
};

export type ModelNames = { models: { nodes: ({ name: string; purpose: ModelPurpose } | null)[] } | null };
export type ModelNamesVariables = {  };
export const modelNames: Operation<ModelNames, ModelNamesVariables> = {
  name: 'ModelNames',
  text: "query ModelNames{models(orderBy:[NAME_ASC]first:500){nodes{name purpose}}}",
};

export type PlaygroundRun = { execution: AnswerRun | null };
export type PlaygroundRunVariables = { id: string };
export const playgroundRun: Operation<PlaygroundRun, PlaygroundRunVariables> = {
  name: 'PlaygroundRun',
  text: "query PlaygroundRun($id:UUID!){execution(id:$id){...AnswerRun}}fragment AnswerRun on Execution{id turn status waitingFor stopReason input inputParts output error createdAt startedAt completedAt tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost agent{name}agentVersion{version}workflow{name}treeQuestions(filter:{status:{equalTo:open}}first:5){nodes{id}}feedbackEntries(orderBy:[ID_DESC]first:20){nodes{id score comment messageSeq createdBy}}}",
};

export type RunAnswer = { executionEvents: AnswerEvent | null };
export type RunAnswerVariables = { id: string; after?: string | null };
export const runAnswer: Operation<RunAnswer, RunAnswerVariables> = {
  name: 'RunAnswer',
  text: "subscription RunAnswer($id:UUID!$after:String){executionEvents(executionId:$id after:$after tree:false){...AnswerEvent}}fragment AnswerEvent on RunEvent{event cursor executionId agent data}",
};

export type Evaluations = { evaluations: { nodes: (EvaluationRow | null)[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null };
export type EvaluationsVariables = { dataset?: string | null; rule?: string | null; after?: string | null };
export const evaluations: Operation<Evaluations, EvaluationsVariables> = {
  name: 'Evaluations',
  text: "query Evaluations($dataset:UUID$rule:UUID$after:Cursor){evaluations(first:50 after:$after orderBy:PRIMARY_KEY_DESC condition:{datasetId:$dataset gradingRuleId:$rule}){nodes{...EvaluationRow}pageInfo{hasNextPage endCursor}}}fragment EvaluationRow on Evaluation{id status items repeats version label split totals createdAt agent{id name}workflow{id name}dataset{id name}}",
};

export type EvaluationPage = { evaluation: { overrides: Json | null; itemsAt: string | null; sinceAt: string | null; untilAt: string | null; graders: Json; createdBy: string; completedAt: string | null; gradingRule: { id: string; name: string } | null } & EvaluationRow | null };
export type EvaluationPageVariables = { id: string };
export const evaluationPage: Operation<EvaluationPage, EvaluationPageVariables> = {
  name: 'EvaluationPage',
  text: "query EvaluationPage($id:UUID!){evaluation(id:$id){...EvaluationRow overrides itemsAt sinceAt untilAt graders createdBy completedAt gradingRule{id name}}}fragment EvaluationRow on Evaluation{id status items repeats version label split totals createdAt agent{id name}workflow{id name}dataset{id name}}",
};

export type OtherEvaluations = { evaluations: { nodes: (EvaluationRow | null)[] } | null };
export type OtherEvaluationsVariables = { dataset: string };
export const otherEvaluations: Operation<OtherEvaluations, OtherEvaluationsVariables> = {
  name: 'OtherEvaluations',
  text: "query OtherEvaluations($dataset:UUID!){evaluations(first:50 orderBy:PRIMARY_KEY_DESC condition:{datasetId:$dataset}){nodes{...EvaluationRow}}}fragment EvaluationRow on Evaluation{id status items repeats version label split totals createdAt agent{id name}workflow{id name}dataset{id name}}",
};

export type ResultDetails = { datasetItems: { nodes: ({ id: string; input: string; inputData: Json | null; expected: Json | null; split: string | null } | null)[] } | null; executions: { nodes: ({ id: string; input: string; inputData: Json | null; output: string | null; outputData: Json | null } | null)[] } | null };
export type ResultDetailsVariables = { items: (string)[]; runs: (string)[] };
export const resultDetails: Operation<ResultDetails, ResultDetailsVariables> = {
  name: 'ResultDetails',
  text: "query ResultDetails($items:[UUID!]!$runs:[UUID!]!){datasetItems(filter:{id:{in:$items}}first:100){nodes{id input inputData expected split}}executions(filter:{id:{in:$runs}}first:100){nodes{id input inputData output outputData}}}",
};

export type DatasetNames = { datasets: { nodes: ({ id: string; name: string } | null)[] } | null };
export type DatasetNamesVariables = {  };
export const datasetNames: Operation<DatasetNames, DatasetNamesVariables> = {
  name: 'DatasetNames',
  text: "query DatasetNames{datasets(first:200 orderBy:[NAME_ASC]){nodes{id name}}}",
};

export type ToolHolders = { holders: { nodes: (ToolHolder | null)[] } | null; all?: { nodes: (ToolHolder | null)[] } | null; mcpServer?: { isActive: boolean; mcpToolsByServerId: { nodes: ({ status: McpToolStatus } | null)[] } } | null };
export type ToolHoldersVariables = { tool: string; server: string; hasServer: boolean; remoteName: string; isForAll: boolean };
export const toolHolders: Operation<ToolHolders, ToolHoldersVariables> = {
  name: 'ToolHolders',
  text: "query ToolHolders($tool:UUID!$server:UUID!$hasServer:Boolean!$remoteName:String!$isForAll:Boolean!){holders:agents(filter:{or:[{agentTools:{some:{toolId:{equalTo:$tool}}}}{agentServers:{some:{serverId:{equalTo:$server}}}}]}orderBy:[NAME_ASC]first:500){nodes{...ToolHolder}}all:agents(orderBy:[NAME_ASC]first:500)@include(if:$isForAll){nodes{...ToolHolder}}mcpServer(id:$server)@include(if:$hasServer){isActive mcpToolsByServerId(filter:{name:{equalTo:$remoteName}}first:1){nodes{status}}}}fragment ToolHolder on Agent{name isActive deletedAt engine humanInput agentTools(filter:{toolId:{equalTo:$tool}}first:1){nodes{toolId}}agentServers(filter:{serverId:{equalTo:$server}}first:1){nodes{allowedTools}}agentSkills(first:1){nodes{skillId}}}",
};

export type RunPage = { execution: RunHead | null; explainExecution: Json | null };
export type RunPageVariables = { id: string };
export const runPage: Operation<RunPage, RunPageVariables> = {
  name: 'RunPage',
  text: "query RunPage($id:UUID!){execution(id:$id){...RunHead}explainExecution(id:$id)}fragment RunHead on Execution{id status waitingFor stopReason finishReason createdAt runAt startedAt completedAt queueSeconds isPauseRequested input inputData output outputData error metadata trust tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost stepCount modelCount messageCount createdBy rootExecutionId parentExecutionId forkedFromExecutionId forkedFromSeq sessionId turn agent{name}agentVersion{version}workflow{name}workflowVersion{version}user{username}treeQuestions(filter:{status:{equalTo:open}}first:20){nodes{id kind prompt}}}",
};

export type RunTree = { executions: { nodes: (TreeRun | null)[]; pageInfo: { hasNextPage: boolean } } | null; below?: { nodes: (TreeRun | null)[]; pageInfo: { hasNextPage: boolean } } | null };
export type RunTreeVariables = { root: string; id: string; isBelow: boolean; first: number };
export const runTree: Operation<RunTree, RunTreeVariables> = {
  name: 'RunTree',
  text: "query RunTree($root:UUID!$id:UUID!$isBelow:Boolean!$first:Int!){executions(filter:{rootExecutionId:{equalTo:$root}}orderBy:[ID_ASC]first:$first){nodes{...TreeRun}pageInfo{hasNextPage}}below:executions(filter:{parentExecutionId:{equalTo:$id}}orderBy:[ID_ASC]first:$first)@include(if:$isBelow){nodes{...TreeRun}pageInfo{hasNextPage}}}fragment TreeRun on Execution{id status waitingFor parentExecutionId createdAt runAt startedAt completedAt tokensIn tokensOut cost agent{name}workflow{name}}",
};

export type RunSteps = { executions: { nodes: ({ id: string; timeline: { nodes: (TimelineStep | null)[] } } | null)[] } | null };
export type RunStepsVariables = { ids: (string)[]; first: number };
export const runSteps: Operation<RunSteps, RunStepsVariables> = {
  name: 'RunSteps',
  text: "query RunSteps($ids:[UUID!]!$first:Int!){executions(filter:{id:{in:$ids}}orderBy:[ID_ASC]first:100){nodes{id timeline(orderBy:[SEQ_ASC]first:$first){nodes{...TimelineStep}}}}}fragment TimelineStep on ExecutionTimeline{executionId seq kind name ms startedAt tokensIn tokensOut cost error said}",
};

export type StepsAfter = { executionTimelines: { nodes: (TimelineStep | null)[] } | null };
export type StepsAfterVariables = { id: string; after: number; first: number };
export const stepsAfter: Operation<StepsAfter, StepsAfterVariables> = {
  name: 'StepsAfter',
  text: "query StepsAfter($id:UUID!$after:Int!$first:Int!){executionTimelines(filter:{executionId:{equalTo:$id}seq:{greaterThan:$after}}orderBy:[SEQ_ASC]first:$first){nodes{...TimelineStep}}}fragment TimelineStep on ExecutionTimeline{executionId seq kind name ms startedAt tokensIn tokensOut cost error said}",
};

export type RunEvents = { executionEvents: { event: string; cursor: string | null; executionId: string | null } | null };
export type RunEventsVariables = { id: string; after?: string | null };
export const runEvents: Operation<RunEvents, RunEventsVariables> = {
  name: 'RunEvents',
  text: "subscription RunEvents($id:UUID!$after:String){executionEvents(executionId:$id after:$after tree:true){event cursor executionId}}",
};

export type RunTokens = { executionTokens: { seq: number; attempt: number; text: string } | null };
export type RunTokensVariables = { id: string };
export const runTokens: Operation<RunTokens, RunTokensVariables> = {
  name: 'RunTokens',
  text: "subscription RunTokens($id:UUID!){executionTokens(executionId:$id){seq attempt text}}",
};

export type StepPage = { execution: { overrides: Json | null; agent: { engine: AgentEngine; engineConfiguration: Json } | null } | null; step: { seq: number; kind: StepKind; name: string | null; effect: ToolEffect | null; callId: string | null; input: Json | null; output: Json | null; error: Json | null; annotations: Json | null; tokensIn: number; tokensOut: number; cost: string; startedAt: string; finishedAt: string; idempotencyKey: string | null; worker: string | null } | null };
export type StepPageVariables = { id: string; seq: number };
export const stepPage: Operation<StepPage, StepPageVariables> = {
  name: 'StepPage',
  text: "query StepPage($id:UUID!$seq:Int!){execution(id:$id){overrides agent{engine engineConfiguration}}step(executionId:$id seq:$seq){seq kind name effect callId input output error annotations tokensIn tokensOut cost startedAt finishedAt idempotencyKey worker}}",
};

export type Messages = { messages: { nodes: (RunMessage | null)[] } | null };
export type MessagesVariables = { id: string; after: number; first: number };
export const messages: Operation<Messages, MessagesVariables> = {
  name: 'Messages',
  text: "query Messages($id:UUID!$after:Int!$first:Int!){messages(filter:{executionId:{equalTo:$id}seq:{greaterThan:$after}}orderBy:[SEQ_ASC]first:$first){nodes{...RunMessage}}}fragment RunMessage on Message{seq stepSeq role content parts toolCalls toolCallId trust tokensIn tokensOut createdAt}",
};

export type RunAsJson = { exportRun: Json | null };
export type RunAsJsonVariables = { id: string };
export const runAsJson: Operation<RunAsJson, RunAsJsonVariables> = {
  name: 'RunAsJson',
  text: "query RunAsJson($id:UUID!){exportRun(id:$id)}",
};

export type CancelRun = { cancelExecution: { result: { id: string; status: ExecutionStatus } | null } | null };
export type CancelRunVariables = { id: string };
export const cancelRun: Operation<CancelRun, CancelRunVariables> = {
  name: 'CancelRun',
  text: "mutation CancelRun($id:UUID!){cancelExecution(input:{id:$id}){result{id status}}}",
};

export type PauseRun = { pauseExecution: { result: { id: string; status: ExecutionStatus } | null } | null };
export type PauseRunVariables = { id: string };
export const pauseRun: Operation<PauseRun, PauseRunVariables> = {
  name: 'PauseRun',
  text: "mutation PauseRun($id:UUID!){pauseExecution(input:{id:$id}){result{id status}}}",
};

export type ResumeRun = { resumeExecution: { result: { id: string; status: ExecutionStatus } | null } | null };
export type ResumeRunVariables = { id: string };
export const resumeRun: Operation<ResumeRun, ResumeRunVariables> = {
  name: 'ResumeRun',
  text: "mutation ResumeRun($id:UUID!){resumeExecution(input:{id:$id}){result{id status}}}",
};

export type RetryRun = { retryExecution: { result: { id: string; status: ExecutionStatus } | null } | null };
export type RetryRunVariables = { id: string };
export const retryRun: Operation<RetryRun, RetryRunVariables> = {
  name: 'RetryRun',
  text: "mutation RetryRun($id:UUID!){retryExecution(input:{id:$id}){result{id status}}}",
};

export type MatchingRuns = { executions: { nodes: ({ id: string } | null)[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null };
export type MatchingRunsVariables = { filter?: ExecutionFilter | null; first: number; after?: string | null };
export const matchingRuns: Operation<MatchingRuns, MatchingRunsVariables> = {
  name: 'MatchingRuns',
  text: "query MatchingRuns($filter:ExecutionFilter$first:Int!$after:Cursor){executions(filter:$filter orderBy:[ID_DESC]first:$first after:$after){nodes{id}pageInfo{hasNextPage endCursor}}}",
};

export type CancelRuns = { cancelExecutions: { result: ({ id: string | null; error: Json | null } | null)[] | null } | null };
export type CancelRunsVariables = { ids: (string | null)[] };
export const cancelRuns: Operation<CancelRuns, CancelRunsVariables> = {
  name: 'CancelRuns',
  text: "mutation CancelRuns($ids:[UUID]!){cancelExecutions(input:{ids:$ids}){result{id error}}}",
};

export type PauseRuns = { pauseExecutions: { result: ({ id: string | null; error: Json | null } | null)[] | null } | null };
export type PauseRunsVariables = { ids: (string | null)[] };
export const pauseRuns: Operation<PauseRuns, PauseRunsVariables> = {
  name: 'PauseRuns',
  text: "mutation PauseRuns($ids:[UUID]!){pauseExecutions(input:{ids:$ids}){result{id error}}}",
};

export type ResumeRuns = { resumeExecutions: { result: ({ id: string | null; error: Json | null } | null)[] | null } | null };
export type ResumeRunsVariables = { ids: (string | null)[] };
export const resumeRuns: Operation<ResumeRuns, ResumeRunsVariables> = {
  name: 'ResumeRuns',
  text: "mutation ResumeRuns($ids:[UUID]!){resumeExecutions(input:{ids:$ids}){result{id error}}}",
};

export type RetryRuns = { retryExecutions: { result: ({ id: string | null; error: Json | null } | null)[] | null } | null };
export type RetryRunsVariables = { ids: (string | null)[] };
export const retryRuns: Operation<RetryRuns, RetryRunsVariables> = {
  name: 'RetryRuns',
  text: "mutation RetryRuns($ids:[UUID]!){retryExecutions(input:{ids:$ids}){result{id error}}}",
};

export type Runs = { executions: { nodes: (RunRow | null)[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null };
export type RunsVariables = { filter?: ExecutionFilter | null; first: number; after?: string | null; withInput: boolean };
export const runs: Operation<Runs, RunsVariables> = {
  name: 'Runs',
  text: "query Runs($filter:ExecutionFilter$first:Int!$after:Cursor$withInput:Boolean!){executions(filter:$filter orderBy:[ID_DESC]first:$first after:$after){nodes{...RunRow}pageInfo{hasNextPage endCursor}}}fragment RunRow on Execution{id status waitingFor stopReason createdAt startedAt completedAt tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost stepCount metadata parentExecutionId sessionId input@include(if:$withInput)agent{name}agentVersion{version}workflow{name}}",
};

export type RunsFeed = { executionsFeed: { kind: ListEventKind; executions: (RunRow | null)[]; removedIds: (string)[] } | null };
export type RunsFeedVariables = { filter?: ExecutionsFeedFilter | null; first: number; withInput: boolean };
export const runsFeed: Operation<RunsFeed, RunsFeedVariables> = {
  name: 'RunsFeed',
  text: "subscription RunsFeed($filter:ExecutionsFeedFilter$first:Int!$withInput:Boolean!){executionsFeed(filter:$filter first:$first gatherMs:500 newestOnly:true){kind executions{...RunRow}removedIds}}fragment RunRow on Execution{id status waitingFor stopReason createdAt startedAt completedAt tokensIn tokensOut childrenTokensIn childrenTokensOut cost childrenCost stepCount metadata parentExecutionId sessionId input@include(if:$withInput)agent{name}agentVersion{version}workflow{name}}",
};

export type AgentNames = { agents: { nodes: ({ id: string; name: string } | null)[] } | null; workflows: { nodes: ({ id: string; name: string } | null)[] } | null };
export type AgentNamesVariables = {  };
export const agentNames: Operation<AgentNames, AgentNamesVariables> = {
  name: 'AgentNames',
  text: "query AgentNames{agents(first:200 orderBy:[NAME_ASC]){nodes{id name}}workflows(first:200 orderBy:[NAME_ASC]){nodes{id name}}}",
};

export type LoginCheck = { me: { username: string | null; role: UserRole | null; tenant: string | null; permissions: (string | null)[] | null } | null };
export type LoginCheckVariables = {  };
export const loginCheck: Operation<LoginCheck, LoginCheckVariables> = {
  name: 'LoginCheck',
  text: "query LoginCheck{me{username role tenant permissions}}",
};

export type AnswerSources = { sources: { nodes: ({ startOffset: number | null; endOffset: number | null; chunkNumber: string | null; documentId: string | null; knowledgeBase: string | null; title: string | null; headingPath: (string | null)[] | null; content: string | null; chunkSeq: number | null; isCurrent: boolean | null } | null)[] } | null };
export type AnswerSourcesVariables = { id: string };
export const answerSources: Operation<AnswerSources, AnswerSourcesVariables> = {
  name: 'AnswerSources',
  text: "query AnswerSources($id:UUID!){sources(executionId:$id first:100){nodes{startOffset endOffset chunkNumber documentId knowledgeBase title headingPath content chunkSeq isCurrent}}}",
};

export type SourcePages = { chunks: { nodes: ({ documentId: string; seq: number; page: number | null } | null)[] } | null };
export type SourcePagesVariables = { documents: (string)[]; seqs: (number)[] };
export const sourcePages: Operation<SourcePages, SourcePagesVariables> = {
  name: 'SourcePages',
  text: "query SourcePages($documents:[UUID!]!$seqs:[Int!]!){chunks(filter:{documentId:{in:$documents}seq:{in:$seqs}}first:1000){nodes{documentId seq page}}}",
};
