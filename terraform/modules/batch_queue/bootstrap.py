"""Load the job's package from S3, and run one of its modules with the arguments that follow."""

import runpy
import sys
import tempfile

from botocore.session import get_session

bucket, key, module = sys.argv[1:4]
answer = get_session().create_client("s3").get_object(Bucket=bucket, Key=key)
with tempfile.NamedTemporaryFile(suffix=".zip") as package:
    package.write(answer["Body"].read())
    package.flush()
    sys.path.insert(0, package.name)
    sys.argv[:4] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
