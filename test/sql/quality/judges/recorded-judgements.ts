/** An answer to "Can I return the kettle after 40 days?", and what two people and a judge said. */
export type Recorded = {
  output: string;
  anna: number;
  ben: number;
  /** The score of the judge, from 1 to 5. */
  judge: number;
  comment: string;
};

const ROWS: [output: string, anna: number, ben: number, judge: number, comment: string][] = [
  // people and the judge pass these ten
  ['No. Returns end after 30 days.', 1, 1, 5, 'Right, and short'],
  ['Sorry, no: the 30 days are over.', 1, 1, 5, 'Right and friendly'],
  ['I am afraid that is too late. Returns end after 30 days.', 1, 1, 4, 'Right'],
  ['No, but the warranty of two years still applies.', 1, 1, 5, 'Right, and it helps'],
  ['That is 10 days too late, sorry.', 1, 0.5, 4, 'Right'],
  ['Unfortunately not, as returns end after 30 days.', 1, 1, 5, 'Right'],
  ['No. If it is broken, ask for a repair.', 1, 0.5, 4, 'Right, with an offer'],
  ['Not any more, sorry. It was possible until day 30.', 1, 1, 4, 'Right'],
  ['No, sorry.', 0.5, 0.5, 3, 'Right, but no reason'],
  ['Returns end after 30 days, so no.', 1, 1, 5, 'Right'],
  // both fail these eight
  ['Yes.', 0, 0, 1, 'Wrong'],
  ['Sure, whenever you like!', 0, 0, 1, 'Wrong'],
  ['Yes, within 60 days.', 0, 0, 2, 'Invents a rule'],
  ['Ask somebody else.', 0, 0, 1, 'Rude'],
  ['I cannot say.', 0, 0, 2, 'No answer'],
  ['Kettles are made of steel.', 0, 0, 1, 'Off topic'],
  ['No, and stop asking.', 0, 0.5, 2, 'Right, but rude'],
  ['Perhaps.', 0, 0, 1, 'No answer'],
  // the judge alone passes these four long ones
  [
    'What a lovely question! We are so very glad that you chose our kettle, and of course we take it back after 40 days, with the greatest pleasure.',
    ...([0, 0, 4, 'Friendly, but wrong'] as const),
  ],
  [
    'Thank you for your patience, and for being such a loyal customer. Our rules on returns are generous, and we always find a way. Simply send it back to us.',
    ...([0, 0, 4, 'Wrong'] as const),
  ],
  [
    'There are many sides to this. Some shops take kettles back after 14 days, some after 30, and some after 100. It depends on many things, which we could discuss.',
    ...([0, 0.5, 3, 'Never answers'] as const),
  ],
  [
    'We value each customer highly. A return after 40 days is surely possible if you ask nicely, and if you add the receipt, the box and a short letter with your reasons.',
    ...([0, 0, 5, 'Invents a rule'] as const),
  ],
  // people alone pass these two
  ['No: day 30 was the last.', 1, 1, 2, 'Right, and short'],
  ['Too late.', 0.5, 1, 2, 'Right, if curt'],
];

/** Recorded judgements of 24 answers by two people and a judge. */
export const RECORDED: Recorded[] = ROWS.map(([output, anna, ben, judge, comment]) => ({
  ...{ output, anna, ben, judge, comment },
}));
