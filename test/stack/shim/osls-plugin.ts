/**
 * The osls plugin of the harness. It leaves the real service as it is packaged, keeps a copy of its template, and hands
 * the emulator one without what it cannot deploy (see template.ts).
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shimmed, type Template } from './template.ts';

interface Osls {
  service: { provider: { compiledCloudFormationTemplate: Template } };
}

export default class StackShim {
  readonly hooks: Record<string, () => void>;

  constructor(osls: Osls) {
    this.hooks = {
      // The last moment before the template is written; everything is merged into it by then.
      'before:aws:package:finalize:saveServiceState': () => {
        const folder = process.env.OFFSITE_STACK_SHIM;
        if (folder === undefined) throw new Error('the shim is for test:stack alone: OFFSITE_STACK_SHIM is not set');
        const { provider } = osls.service;
        const { template, removed, documents } = shimmed(provider.compiledCloudFormationTemplate);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'template.json'), JSON.stringify(provider.compiledCloudFormationTemplate, null, 1));
        writeFileSync(join(folder, 'shimmed.json'), JSON.stringify({ removed, documents }, null, 1));
        provider.compiledCloudFormationTemplate = template;
      },
    };
  }
}
