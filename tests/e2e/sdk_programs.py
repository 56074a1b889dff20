"""What pods run that call a cloud as programs do: with the cloud's own SDK, and with what it finds by itself.

Each calls an API that takes what the cloud grants. An answer that refuses ends the program.
"""

AZURE = """
import os, pathlib, signal, sys, time
import requests
from azure.identity import DefaultAzureCredential
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
# Only because this authority is none that Microsoft lists.
credential = DefaultAzureCredential(disable_instance_discovery=True)
while True:
    token = credential.get_token("https://vault.azure.net/.default").token
    answer = requests.get(os.environ["API"], headers={"Authorization": f"Bearer {token}"}, timeout=10)
    answer.raise_for_status()
    print(answer.json()["client"], "called with the token that ends in", token[-4:], flush=True)
    pathlib.Path("/tmp/called").touch()
    time.sleep(1)
"""

GOOGLE = """
import os, pathlib, signal, sys, time
import google.auth
from google.auth.transport.requests import AuthorizedSession
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
session = AuthorizedSession(credentials)
while True:
    answer = session.get(os.environ["API"], timeout=10)
    answer.raise_for_status()
    print(answer.json()["principal"], "called for", project, "with the token that ends in", credentials.token[-4:])
    pathlib.Path("/tmp/called").touch()
    time.sleep(1)
"""
