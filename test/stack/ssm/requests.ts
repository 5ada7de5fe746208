/** What the stand-in understands of requests: the shapes and limits of the service's own model. */

import * as z from 'zod';

export const MAX_ERRORS = /^(?:(\d{1,7})|(\d{1,2}|100)%)$/;

export const sendCommand = z.strictObject({
  InstanceIds: z.array(z.string()).min(1).max(50),
  DocumentName: z.string(),
  DocumentVersion: z.string().optional(),
  DocumentHash: z.string().optional(),
  DocumentHashType: z.literal('Sha256').optional(),
  TimeoutSeconds: z.int().min(30).max(2_592_000).default(3600),
  Comment: z.string().max(100).default(''),
  Parameters: z.record(z.string(), z.array(z.string())).default({}),
  MaxConcurrency: z.string().default('50'),
  MaxErrors: z.string().regex(MAX_ERRORS).default('0'),
});

export const inFilter = z.looseObject({ Key: z.string(), Values: z.array(z.string()) });
const pages = { MaxResults: z.int().min(1).max(50).optional(), NextToken: z.string().optional() };
export const describeInstances = z.strictObject({
  Filters: z.array(inFilter).default([]),
  InstanceInformationFilterList: z.array(z.unknown()).optional(),
  ...pages,
});
/** Tags for one node that is no instance of EC2; those are tagged by EC2 or by Resource Groups. */
export const addTags = z.strictObject({
  ResourceType: z.literal('ManagedInstance'),
  ResourceId: z.string().regex(/^mi-/),
  Tags: z.array(z.strictObject({ Key: z.string(), Value: z.string() })),
});
/** Of the Resource Groups Tagging API. */
export const tagResources = z.strictObject({
  ResourceARNList: z
    .array(z.string().regex(/^arn:aws:ec2:[^:]+:\d+:instance\/i-/))
    .min(1)
    .max(20),
  Tags: z.record(z.string(), z.string()),
});
export const invocationOf = z.strictObject({
  CommandId: z.string(),
  InstanceId: z.string(),
  PluginName: z.string().optional(),
});
export const listOf = z.strictObject({
  CommandId: z.string().optional(),
  InstanceId: z.string().optional(),
  Details: z.boolean().default(false),
  Filters: z.array(z.unknown()).optional(),
  ...pages,
});
export const named = z.looseObject({
  Name: z.string(),
  Content: z.string().optional(),
  DocumentVersion: z.string().optional(),
});
