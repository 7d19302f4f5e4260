/** The part of the signing library that is used here. */
declare module "aws4fetch" {
  export class AwsV4Signer {
    constructor(options: {
      accessKeyId: string;
      secretAccessKey: string;
      service: string;
      region: string;
      method: string;
      url: string;
      headers: Record<string, string>;
    });
    /** The request as it is to be sent, without its body. */
    sign(): Promise<{ method: string; url: URL; headers: Headers }>;
  }
}
