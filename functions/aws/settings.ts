/** What serverless.yml tells the functions, by their environment. */

import { environmentVariable } from '../../system/environment.ts';

const NAMES = {
  stack: 'OFFSITE_STACK',
  store: 'OFFSITE_STORE',
  alertsTopic: 'OFFSITE_ALERTS_TOPIC',
  alarmsTopic: 'OFFSITE_ALARMS_TOPIC',
  displayName: 'OFFSITE_DISPLAY_NAME',
  deadLetters: 'OFFSITE_DEAD_LETTERS',
  deadLettersArn: 'OFFSITE_DEAD_LETTERS_ARN',
  document: 'OFFSITE_DOCUMENT',
  dispatch: 'OFFSITE_DISPATCH',
  operatorKey: 'OFFSITE_OPERATOR_KEY',
} as const;

export type SettingName = keyof typeof NAMES;

/** The setting's value. Throws where serverless.yml does not give it to this function. */
export function setting(name: SettingName): string {
  const value = environmentVariable(NAMES[name]);
  if (value === undefined)
    throw new Error(`${NAMES[name]} is not set: the function was not deployed by serverless.yml`);
  return value;
}
