/** Secrets as SecureString parameters of SSM, under the account's own key for it; they cost nothing. */
import {
  DeleteParameterCommand,
  GetParameterCommand,
  ParameterAlreadyExists,
  ParameterNotFound,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';

/** Secrets that outlive every process, by name. */
export interface SecretStore {
  /** Null for one that is not there. */
  read(name: string): Promise<string | null>;
  /** `exists`: there is one, and it stays. */
  create(name: string, value: string): Promise<'created' | 'exists'>;
  replace(name: string, value: string): Promise<void>;
  /** No effect where there is none. */
  remove(name: string): Promise<void>;
}

/** @param client the SDK's own by default: region and credentials are the process's */
export function createSsmSecretStore(client: Pick<SSMClient, 'send'> = new SSMClient({})): SecretStore {
  const put = (Name: string, Value: string, Overwrite: boolean) =>
    client.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite }));
  return {
    async read(name) {
      try {
        const { Parameter } = await client.send(
          new GetParameterCommand({ Name: name, WithDecryption: true }),
        );
        return Parameter?.Value ?? null;
      } catch (error) {
        if (error instanceof ParameterNotFound) return null;
        throw error;
      }
    },
    async create(name, value) {
      try {
        await put(name, value, false);
        return 'created';
      } catch (error) {
        if (error instanceof ParameterAlreadyExists) return 'exists';
        throw error;
      }
    },
    async replace(name, value) {
      await put(name, value, true);
    },
    async remove(name) {
      try {
        await client.send(new DeleteParameterCommand({ Name: name }));
      } catch (error) {
        if (!(error instanceof ParameterNotFound)) throw error;
      }
    },
  };
}
