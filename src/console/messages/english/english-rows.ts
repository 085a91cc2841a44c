/** The texts of lists, pages and forms of rows, in English. */
export const englishRows = {
  new: (one: string) => `New ${one}`,
  edit: 'Edit',
  editTitle: (name: string) => `Edit ${name}`,
  create: (one: string) => `Create ${one}`,
  save: 'Save changes',
  remove: 'Delete',
  confirmRemove: (one: string, name: string) => `Delete the ${one} ${name}?`,
  confirmAction: (label: string, name: string) => `${label}: ${name}`,
  keep: 'Cancel',
  emptyAll: (many: string) => `There are no ${many} yet.`,
  emptyBy: (many: string, names: string) => `No ${many} match the filter: ${names}.`,
  clear: 'Clear the filter',
  newer: 'Newest',
  older: 'Older',
  any: 'any',
  yes: 'yes',
  no: 'no',
  choose: 'Choose…',
  byDefault: 'Default',
  none: 'None',
  perMillion: (price: string) => `${price} / 1M tokens`,
  noRows: 'Nothing has this name.',
  time: 'Time',
  notFound: (one: string) => `There is no such ${one}, or you may not see it.`,
  noChange: 'Nothing was changed.',
  more: (count: number) => `More settings (${count})`,
  faults: {
    required: 'Fill in this field.',
    notNumber: 'This is not a number.',
    notJson: 'This is not JSON.',
  },
  onceTitle: 'Copy this now',
  onceText: 'It is shown only this once. Store it where the program that needs it can read it.',
  onceDone: 'I have stored it',
  answer: 'Answer of the server',
  openRun: 'Open the run',
  oldTag: 'The row was changed by somebody else meanwhile. Reload the page, and edit it again.',
  all: (many: string) => `All ${many}`,
  runs: 'Runs',
  evaluations: 'Evaluations',
  accounts: {
    disconnect: 'Disconnect',
    summary: (integration: string) =>
      `Disconnect the account of ${integration}? Runs cannot use it from now on, and its tokens are revoked at the server. To use it again, connect it again.`,
  },
  memories: {
    pinned: 'Pinned',
    pin: 'Pin',
    unpin: 'Unpin',
    pinSummary:
      'Put the memory into the prompt of every run of its agent that starts from now on. All who run the agent are answered with it.',
    unpinSummary: 'Take the memory out of the prompts of runs that start from now on.',
    propose: 'Propose',
    proposeSummary:
      'Propose the memory to all agents of the tenant. A person approves or rejects it.',
    approve: 'Approve',
    approveSummary:
      'Add the text as a memory of the tenant, which all agents may recall. It keeps the trust and the source of this memory.',
    reject: 'Reject',
    rejectSummary: 'Only this agent recalls the memory. The same text cannot be proposed again.',
    text: 'Text',
    correct: 'Correct',
    correctSummary:
      'A memory with the new text takes the place of this one, and is recalled from now on. This one stays in the list, with its end.',
  },
  pausing: {
    pause: 'Pause',
    resume: 'Resume',
    pauseSummary: (one: string) =>
      `The ${one} starts nothing more until it is resumed. What it has started goes on.`,
    resumeSummary: (one: string) => `The ${one} is at work again from now on.`,
  },
  versions: {
    title: 'Versions',
    version: 'Version',
    labels: 'Labels',
    by: 'By',
    at: 'Created',
    runs: 'Runs',
    success: 'Succeeded',
    cost: 'Cost',
    older: 'Show older versions',
    from: 'From version',
    to: 'To version',
    same: 'The versions do not differ.',
    tryBoth: 'Try both in the playground',
    place: 'Place',
    before: 'Before',
    after: 'After',
    restore: 'Restore',
    confirmRestore: (version: number, name: string) =>
      `Make version ${version} of ${name} the current one? It becomes a new version; runs keep theirs.`,
    label: 'Label',
    labelTitle: (version: number) => `Label version ${version}`,
    labelName: 'Label',
    labelHint: 'A lower-case word, such as production. A label is on one version at a time.',
    setLabel: 'Set the label',
    removeLabel: (label: string) => `Remove the label ${label}`,
  },
  usage: {
    calls: (count: number, shown: string, days: number) =>
      `${shown} ${count === 1 ? 'call' : 'calls'} in the last ${days} days`,
    tokens: (sent: string, received: string) => `${sent} tokens in, ${received} out`,
    runs: (count: number, shown: string, days: number) =>
      `${shown} ${count === 1 ? 'run' : 'runs'} in the last ${days} days`,
    noRuns: (days: number) => `No runs in the last ${days} days.`,
    none: (days: number) => `No calls in the last ${days} days.`,
    costs: 'Costs',
  },
  modelTest: {
    button: 'Test',
    title: (name: string) => `Test of ${name}`,
    busy: 'The model is asked once or twice. This can take a minute.',
    passed: 'The model answers.',
    failed: 'The model does not answer.',
  },
  systems: {
    title: 'Agent systems',
    explain: 'A file describes a whole system: its agents, workflows, tools, models and prompts.',
    new: 'New agent system',
    newTitle: 'New agent system',
    none: 'There are no agent systems yet.',
    notFound: 'There is no such agent system, or you may not see it.',
    all: 'All agent systems',
    name: 'Name',
    description: 'Description',
    version: 'Version',
    applied: 'Applied',
    file: 'The file of the system, in YAML',
    faults: 'Check of the file',
    checking: 'Checking…',
    state: (count: number) => {
      if (count === 0) return 'The file can be applied.';
      return count === 1 ? '1 fault' : `${count} faults`;
    },
    place: (line: number, column: number) => `${line}:${column}`,
    picture: 'Picture of a workflow',
    workflow: 'Workflow',
    noWorkflow: 'The file has no workflow.',
    apply: 'Apply',
    applyTitle: 'Apply the file',
    applyNow: 'Apply it',
    noChange: 'The file changes nothing.',
    actions: { create: 'Creates', change: 'Changes', unchanged: 'Keeps', delete: 'Deletes' },
    prune: (names: string) => `Delete what the file does not have: ${names}`,
    editFile: 'Edit as YAML',
    example: `version: v1
name: my-system

agents:
  writer:
    mission: Write one paragraph about the message.
  editor:
    mission: Make the text shorter and plainer.

workflows:
  press:
    type: chain
    members: [writer, editor]

orchestrator: press
`,
  },
  toolTrial: {
    title: 'Try it',
    explain:
      'The call is a run of the agent: its approvals, limits and hooks apply, and its changes are real.',
    noAgent:
      'No agent can call this tool now. It needs an active tool, and an active agent that has it and no external engine.',
    agent: 'Agent',
    call: 'Call the tool',
    noRun: 'The answer names no run. The same call is not made twice: send it again.',
  },
};
