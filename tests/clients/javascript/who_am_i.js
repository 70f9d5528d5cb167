// A program that knows nothing of brokers: the JavaScript SDK with its defaults, which asks AWS who it is.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

try {
  const client = new STSClient({ credentials: fromNodeProviderChain() });
  const identity = await client.send(new GetCallerIdentityCommand());
  console.log(identity.Arn);
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
