/**
 * Loaded into every Lambda of the emulator (NODE_OPTIONS). It tells who calls: the SDK puts this id into each request's
 * User-Agent, where the gateway's recording reads it. On AWS the execution role says so.
 */

const name = process.env.AWS_LAMBDA_FUNCTION_NAME;
if (name !== undefined) process.env.AWS_SDK_UA_APP_ID = name.slice(0, 50);
