/** The texts of a form that is made from a JSON Schema, in English. */
export const formTexts = {
  required: 'Fill in this field.',
  notNumber: 'This is not a number.',
  notJson: 'This is not JSON.',
  notObject: 'Write a JSON object, such as {"order": 4711}.',
  asJson: 'Write as JSON',
  asFields: 'Fill in fields',
  onlyJson: 'This has more than the fields can show. Remove it to fill in the fields.',
  json: 'JSON',
};
