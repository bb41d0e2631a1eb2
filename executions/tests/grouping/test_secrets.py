import pytest

from executions.grouping.fingerprint import classify
from executions.grouping.secrets import MOST_PLACES, SECRET, scrub
from executions.grouping.text import ErrorInput

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJuOG4ifQ.c2lnbmF0dXJlLXBsYW50ZWQ"
# (text, what must not be left of it)
PLANTED = [
    ("401 Incorrect API key provided: sk-plantedAbCdEf0123456789xyz.", "plantedAbCdEf"),
    ("Incorrect API key provided: sk-****bTpN.", "bTpN"),
    ("key sk-ant-api03-Planted0123456789abcdef refused", "Planted0123"),
    ("Invalid API Key provided: sk_live_51Planted0123456789", "51Planted"),
    ("push with ghp_Planted0123456789abcdefABCDEF0123 failed", "Planted0123"),
    ("github_pat_11PLANTED0123456789_abcdefghij", "PLANTED0123"),
    ("glpat-Planted0123456789abc is expired", "Planted0123"),
    ("xoxb-123456789012-Planted0123456789 was revoked", "Planted0123"),
    ("https://maps.example.com/api?key=AIzaSyPlanted0123456789abcdefghijklm", "Planted0123"),
    ("AKIAPLANTED0123456789 is no key", "PLANTED0123"),
    ("SG.Planted0123456789ab.Planted0123456789abcdefghijklmnopqrstuvw", "Planted0123"),
    ("token ya29.a0Planted0123456789-abc refused", "Planted0123"),
    ("hf_Planted0123456789abcdefgh", "Planted0123"),
    ("shpat_planted0123456789abcdef01234567", "planted0123"),
    ("pat-eu1-planted01-2345-6789-abcd-ef0123456789", "planted01"),
    ("patPlanted0123456.0123456789abcdef0123456789abcdef0123456789abcdef", "Planted0123"),
    ("ntn_Planted0123456789abcdefghijklmnop", "Planted0123"),
    ("gsk_Planted0123456789abcdefghijklmnop", "Planted0123"),
    (
        "https://api.telegram.org/bot123456789:AAPlanted-0123456789abcdefghijklmno/sendMessage",
        "Planted",
    ),
    ("getMe for 123456789:AAPlanted-0123456789abcdefghijklmno failed", "Planted"),
    ("https://discord.com/api/webhooks/123456789/PlantedTokenOfTheHook0123", "PlantedToken"),
    ("https://hooks.slack.com/services/T000/B000/Planted0123456789", "Planted0123"),
    ("https://x.webhook.office.com/webhookb2/planted-0123/IncomingWebhook/abc", "planted-0123"),
    (f"Authorization: Bearer {JWT}", "c2lnbmF0dXJl"),
    (f"the token {JWT} is expired", "eyJzdWIi"),
    ("Authorization: Bearer plantedtoken", "plantedtoken"),
    ("Authorization: Basic cGxhbnRlZDpwbGFudGVk", "cGxhbnRlZDpw"),
    ('{"authorization":"Token planted0123"}', "planted0123"),
    ("connect to postgres://n8n:planted@db.corp:5432/app failed", "planted"),
    ("connect to postgres://n8n:pl/anted?@db.corp:5432/app failed", "anted"),
    ("mongodb://u:planted@h1:27017,h2:27017/db?replicaSet=r", "planted"),
    ("redis://:planted@cache:6379/0", "planted"),
    ("http://proxy.corp/?to=redis://:planted@cache:6379/0", "planted"),
    ("password password 'planted01' is wrong", "planted01"),
    ("https://user:planted@shop.example/x", "planted"),
    ("password=planted; retry", "planted"),
    ("PASSWORD: Planted!", "lanted!"),
    ("passwd = 'planted words here'", "planted"),
    ("PASSWORD=\n passwd = 'planted words here'", "planted"),
    ("TOKEN=\n password = 'planted words here'", "planted"),
    ("PASSWORD=\n token = 'planted words here'", "planted"),
    ('{"password": "planted word"}', "planted"),
    ('{\\"password\\": \\"planted1\\"}', "planted1"),
    ("db_password=planted&user=x", "planted"),
    ("Server=db;User Id=sa;Password=planted;Encrypt=true", "planted"),
    ("AccountKey=plantedplanted==;EndpointSuffix=core.windows.net", "plantedplanted"),
    ("client_secret=planted&grant_type=refresh_token", "planted"),
    ('"refresh_token":"1//0planted0123456789abcdefg"', "planted0123"),
    ("api_key: planted0123", "planted0123"),
    ("X-API-KEY: planted0123", "planted0123"),
    ("apikey planted0123 is not known", "planted0123"),
    ("access_token=planted&x=1", "planted"),
    ("https://h.example/x?token=planted0&y=1", "planted0"),
    ("https://h.example/webhook-waiting/12?signature=planted0123", "planted0123"),
    ('"resumeToken":"planted0123"', "planted0123"),
    ("Cookie: session=planted; theme=dark", "planted"),
    ("set-cookie: sid=planted0123; HttpOnly", "planted0123"),
    ("-----BEGIN RSA PRIVATE KEY-----\nplanted\n-----END RSA PRIVATE KEY-----", "planted"),
    ("-----BEGIN PRIVATE KEY-----\\nplantedWithoutAnEnd", "planted"),
    ("-----BEGIN OPENSSH PRIVATE KEY----- planted", "planted"),
    ("passphrase 'planted01' is wrong", "planted01"),
    ("your api key is planted0123", "planted0123"),
    ("X-Amz-Signature=planted0123&X-Amz-Date=x", "planted0123"),
    ("otp: 482913", "482913"),
    ("secret: planted", "planted"),
    ("İ password=planted", "planted"),
]
HARMLESS = [
    'password authentication failed for user "n8n"',
    "Access denied for user 'n8n'@'10.0.0.4' (using password: YES)",
    'duplicate key value violates unique constraint "users_email_key"',
    "ER_DUP_ENTRY: Duplicate entry 'a' for key 'uq_customers_email'",
    "Unexpected token 'export'",
    "Unexpected token < in JSON at position 0",
    "KeyError: 'length'",
    "Invalid token: expired",
    "Slack error: token: token_revoked",
    "basic authentication failed",
    "Bearer token is missing",
    "This model's maximum context length is 8192 tokens: 9000 tokens were given",
    "https://example.com:8080/p?email=a@b.c",
    "Cannot find module 'sk-learn-datasets'",
    "password: required",
    "Cannot parse privateKey: Unsupported key format",
    "session: 5 items",
]


@pytest.mark.parametrize(("text", "secret"), PLANTED)
def test_it_removes_planted_secrets(text, secret):
    scrubbed = scrub(text)

    assert secret not in scrubbed
    assert SECRET in scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(("text", "secret"), PLANTED)
def test_it_leaves_no_secret_in_any_field_of_a_grouping(text, secret):
    generals = ("Bad request - please check your parameters", "Unknown error", None)
    for general in generals:
        error = ErrorInput(message=general or text, description=text, messages=(text,), cause=text)

        assert secret not in repr(classify(error))


def test_it_leaves_no_secret_of_other_fields():
    secret = "sk-plantedAbCdEf0123456789xyz"
    error = ErrorInput(message="x", http_code=secret, name=secret, description={"a": secret})

    assert secret not in repr(classify(error))


@pytest.mark.parametrize("text", HARMLESS)
def test_it_leaves_harmless_texts_alone(text):
    assert scrub(text) == text


def test_it_keeps_what_is_around_a_secret():
    text = "connect to postgres://n8n:planted@db.corp:5432/app failed"

    assert scrub(text) == "connect to postgres://n8n:[hidden]@db.corp:5432/app failed"


def test_it_cuts_a_text_with_too_many_suspicious_places():
    text = "password=planted " * (MOST_PLACES + 5)

    scrubbed = scrub(text)

    assert scrubbed.count(SECRET) == MOST_PLACES + 1
    assert "planted" not in scrubbed
    assert scrub(scrubbed) == scrubbed


def test_it_keeps_certificates_which_are_no_secret():
    text = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE----- is expired"

    assert scrub(text) == text


def test_it_does_not_let_the_cut_of_a_long_text_halve_a_secret():
    for length in range(8150, 8210):
        text = "a" * length + " sk-plantedAbCdEf0123456789xyz0123456789"

        assert "planted" not in classify(ErrorInput(message=text)).text
