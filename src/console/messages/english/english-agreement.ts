/** The texts of the agreement of graders with people. */
export const englishAgreement = {
  title: 'Graders and people',
  hint: 'How far graders agree with the people who graded the same results, with 95 % intervals. A bias inside the noise is none.',
  grader: 'Grader',
  whole: '(whole result)',
  results: 'Results',
  agreement: 'Agree',
  kappa: 'Kappa',
  difference: 'Difference',
  lengthBias: 'Bias for length',
  positionBias: 'Bias by order',
  noise: 'inside the noise',
};
