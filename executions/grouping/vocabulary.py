"""The words that the masks know: what is part of a sentence and what is the name of a thing."""

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words with digits or signs that are no values.
KEPT_WORDS = _words(
    """
    2fa activecampaign ai21 airtable amqp base64 bigquery c# c++ clickup databricks deepseek
    dropbox dynamodb e.g e.g., ec2 elasticsearch etc. float4 float8 freshdesk ftps github gitlab
    gpt's graphql h264 http/1.1 http/2 http1 http2 hubspot i.e i/o imap int2 int32 int4 int64
    int8 intercom ipv4 ipv6 iso8601 isolated-vm javascript jsonb kafkajs langchain linkedin m4a
    mailchimp mailgun mariadb md5 monday.com mongodb mp3 mp4 mqtt mysql n8n node.js oauth oauth1
    oauth2 oauth2.0 ollama oneDrive onedrive openai openai's opensearch p12 pagerduty
    per_day pipedrive pkcs12 pkcs8 pop3 postgresql querya queryaaaa querysrv querytxt rabbitmq
    redis refresh_token rfc3339 s3 salesforce sendgrid servicenow sftp sha1 sha256 sha512
    sharepoint smtp snowflake sqlite sqlite3 ssh2 ssl3 ssl_ sslv3 tls1.2 tls_ tlsv1 tlsv1.2
    tlsv1.3 todoist typescript utf-8 utf16 utf8 v1 v2 v3 varchar2 vm2 vue.js web3 woocommerce
    wordpress x.509 x509 youtube zendesk
    """
)

# A name_with_underscores that holds one of these is an error code, not the name of a field.
CODE_WORDS = _words(
    """
    already archived bad balance blocked cannot conflict denied deprecated disabled duplicate
    error exceeded exhausted exists expired failed forbidden found grant inactive incorrect
    insufficient invalid limit limited malformed mismatch missing not notfound overloaded quota
    ratelimited refused rejected required restricted revoked scope scopes suspended throttled
    timeout unauthenticated unauthorized unavailable unknown unprocessable unreachable
    unsupported violation
    """
)

# A number of at most so many digits after one of these is a status or code and stays.
NUMBER_KEEPERS: Mapping[str, int] = {
    **dict.fromkeys(_words("code errno error error_code errorcode"), 5),
    **dict.fromkeys(_words("exit http http/1.1 status status_code statuscode"), 3),
}

# A status at the end of a sentence, right behind one of these, stays too.
STATUS_KEEPERS = _words("answered got received returned returns with")

# The single word after one of these may be the name of such a thing.
NAMED_BY_NEXT = _words(
    """
    action address algorithm attribute branch bucket channel character collection column columns
    command constraint container currency database dataset domain email env event exchange field
    file folder format function group host hostname id identifier import index key keyspace
    label language locale login mailbox method mode model module name namespace node operation
    operator option package parameter path project property queue range recipient region
    relation repository resource role schema sequence server sheet stream table tables team
    timezone tool topic type unit url user value variable version vhost view worksheet
    """
)

# What follows one of these and a colon, up to the end, is a name.
NAMED_BY_REST = _words(
    """
    action address algorithm attribute attributes branch bucket channel character collection
    column columns command currency dataset domain email event field fields file files folder
    format function group host hostname id ids index key label language locale mailbox method
    mode model module name names node operation operator option options package parameter
    parameters path properties property queue range recipient region repository resource scope
    scopes sheet table tables team timezone tool topic type unit url user users value values
    variable version worksheet
    """
)

# A name stands before one of these or at the end.
NAME_FOLLOWERS = _words(
    """
    already already: and are at because by can't cannot contains could couldn't did do does
    doesn't don't exist exists failed for from had has hasn't have in is isn't lacks missing
    must needs not of on or references requires should that to violates was wasn't which with
    """
)

# Words of sentences: never a name by their place alone.
NOT_A_NAME = _words(
    """
    a abort abortion about above access account accounts activation admin after again against
    agents all already also among an and another any apikey archive are argument arguments array
    as ask at attribute attributes authentication authorization available bad based be because
    before being belongs below between billing body boolean both bound browser builder busy but
    by byte call calls can can't cannot capacity card catalog certificate chat chats check class
    client closed code collection column columns concurrency config configuration conflict
    connection connections constraint container contains content contents conversion correct
    corrupt corruption could couldn't count crashed creation credential credentials credits csv
    currently data database date dead deadlock default definition delete deletion denied
    dependencies description descriptors did didn't different directory discovery disk do does
    doesn't don't down driver due each either email empty encryption endpoint entries entry
    error errors etc eval event exceeds exchange execution exhaustion exist exists expects
    explain export expression extraction fail fails failure false field fields file files filter
    first flag folder for forbidden format found fresh from full function functions generation
    get given gone got group groups had has hasn't have header headers history host how id
    identifier idle if import in incorrect index info information initialization input inputs
    insert instance instances instead integer integrity internal interval into invalid invalidly
    is isn't it item items its json key keys keyword last length less level library limit limits
    list location lock locked locks long longer lookup loop lost maintenance mapping match
    matches max maximum may memory message messages metadata method methods might migration
    mismatch mode model models module more most must name named names near necessary need needs
    neither network new no node nodes none nor not null number numeric object objects of off
    offline old on once one only open operation operations operator option options or order
    other otherwise out output outputs over overflow overload overloads own owner pack package
    packages page pair parameter parameters path pattern payment per permission permissions plan
    please pool position possible prefix primary principal project properties property protocol
    provider proxy public query question queue quota quotas range rate reached read reading
    ready record records recursion reference refused registry remote request requests requires
    reset resource resources response role roles root row rows rule schema scope scopes search
    section see select selection sent separator server service services session set setting
    settings sharing should shutdown signature silence since size skip so some source space
    specified stale state statement status still storage stream string structure style
    successful such supports switch syntax system table tables tag tags target teapot
    temporarily text than that the their them then there these they this those through tier time
    timedout timeout to token tokens too tool tools traffic true try type types unable
    unauthorized under unique unknown until up update updates upload url usage use used user
    username users uses using valid validation value values variable variables verification
    version versions via view violates violation was wasn't we were what when where which while
    who will with within without won't words workflow worksheet would write writing wrong yet
    you your yours
    """
)

# What follows one of these is a host.
BEFORE_HOSTS = _words(
    """
    eaddrinuse eaddrnotavail eai_again econnrefused ehostunreach enetunreach enotfound
    esockettimedout etimedout
    """
)

# Part of the value before it.
UNITS = _words(
    """
    byte bytes characters chars day days gb gib hour hours kb kib mb mib min mins minute minutes
    month months ms s sec second seconds secs tb usd eur gbp jpy chf year years
    """
)

# A name_with_underscores right behind one of these is a code.
CODE_KEEPERS = ("response:", "code:", "reason:")

# What follows one of these is nearly always its name, even when it is a common word.
ALWAYS_NAMED = _words("field column property parameter attribute")

# But none of these.
NEVER_NAMES = _words(
    """
    a all already an and any are as at be because been before being but by can cannot contains
    could count data definition descriptions did do does doesn't empty exists expected expects
    extraction failed fields for format found from had has have if in input inputs into is isn't
    it items key keys length lengths list lists located mapping may might missing must name
    names near need needs no not of on only option options or other out path paths provided
    reference references required requires schema section set settings should size so that the
    their them then there these they this those to too type types under unknown used validation
    value values was wasn't were what when where which while will with within without you your
    """
)

# "The … field is required": the word before one of these may be its name.
NAMED_BEFORE = _words("field parameter property column attribute argument header")
