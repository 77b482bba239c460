//! S3's REST API, with the bucket in the path.

use ::http::Method;
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc2822};

use super::{
    http::Response,
    service::{Call, ErrorDocument, Kind, Service, encoded, encoded_path, query},
    xml,
};
use crate::{ServiceAnswer, ServiceError, dataset::LONGEST_OBJECT};

pub(super) static KIND: Kind = Kind {
    name: "S3",
    flag: "--s3-endpoint",
    actions: &[
        "getObject",
        "putObject",
        "headObject",
        "deleteObject",
        "copyObject",
        "listObjectsV2",
        "createBucket",
        "deleteBucket",
        "headBucket",
        "listBuckets",
    ],
    signing: "s3",
    prefix: "S3",
    unmodelled: "S3Exception",
    codes: &[
        ("NoSuchKey", "NoSuchKeyException"),
        ("NoSuchBucket", "NoSuchBucketException"),
        ("NoSuchUpload", "NoSuchUploadException"),
        ("BucketAlreadyExists", "BucketAlreadyExistsException"),
        ("BucketAlreadyOwnedByYou", "BucketAlreadyOwnedByYouException"),
        ("InvalidObjectState", "InvalidObjectStateException"),
    ],
};

/// Parameters that are sent as headers.
const REQUEST_HEADERS: &[(&str, &str)] = &[
    ("CacheControl", "cache-control"),
    ("ContentDisposition", "content-disposition"),
    ("ContentEncoding", "content-encoding"),
    ("ContentLanguage", "content-language"),
    ("ContentType", "content-type"),
    ("Expires", "expires"),
    ("IfMatch", "if-match"),
    ("IfModifiedSince", "if-modified-since"),
    ("IfNoneMatch", "if-none-match"),
    ("IfUnmodifiedSince", "if-unmodified-since"),
    ("Range", "range"),
    ("MetadataDirective", "x-amz-metadata-directive"),
    ("ServerSideEncryption", "x-amz-server-side-encryption"),
    ("StorageClass", "x-amz-storage-class"),
    ("Tagging", "x-amz-tagging"),
];

/// Parameters that are sent in the query.
const QUERY_PARAMETERS: &[(&str, &str)] = &[
    ("ContinuationToken", "continuation-token"),
    ("Delimiter", "delimiter"),
    ("MaxKeys", "max-keys"),
    ("Prefix", "prefix"),
    ("StartAfter", "start-after"),
    ("VersionId", "versionId"),
];

/// Response headers that become members of the output.
const RESPONSE_HEADERS: &[(&str, &str)] = &[
    ("accept-ranges", "AcceptRanges"),
    ("cache-control", "CacheControl"),
    ("content-disposition", "ContentDisposition"),
    ("content-encoding", "ContentEncoding"),
    ("content-language", "ContentLanguage"),
    ("content-range", "ContentRange"),
    ("content-type", "ContentType"),
    ("etag", "ETag"),
    ("location", "Location"),
    ("x-amz-bucket-region", "BucketRegion"),
    ("x-amz-server-side-encryption", "ServerSideEncryption"),
    ("x-amz-storage-class", "StorageClass"),
    ("x-amz-version-id", "VersionId"),
];

/// Parameters that are supported but are neither headers nor part of the query.
const OTHER_PARAMETERS: &[&str] = &["Bucket", "Key", "Body", "Metadata", "CopySource", "ExpectedBucketOwner"];

pub(super) async fn call(service: &Service, action: &str, parameters: Value) -> Result<ServiceAnswer, ServiceError> {
    let response = service.send(request(action, &parameters)?).await?;
    answered(service, action, &response)
}

/// Gets an object that can be as large as a file of items.
pub(super) async fn read_object(service: &Service, parameters: &Value) -> Result<ServiceAnswer, ServiceError> {
    let response = service.send_with_limit(request("getObject", parameters)?, LONGEST_OBJECT).await?;
    answered(service, "getObject", &response)
}

fn answered(service: &Service, action: &str, response: &Response) -> Result<ServiceAnswer, ServiceError> {
    if !response.is_success() {
        let mut error_document = xml::error_document(response);
        // The answer to HEAD has no body.
        if error_document.exception.is_none() && response.status == 404 {
            error_document = missing(action);
        }
        return Err(service.refused(response, error_document));
    }
    let body = response.text();
    let document = match action {
        "listObjectsV2" | "listBuckets" | "copyObject" => {
            Some(Document::parse(&body).map_err(|_| service.kind.no_answer("The answer is not XML"))?)
        }
        _ => None,
    };
    let output = match (action, &document) {
        ("listObjectsV2", Some(document)) => listing(document),
        ("listBuckets", Some(document)) => buckets(document),
        ("copyObject", Some(document)) => {
            let copied = elements_to_json(document.root_element(), &["ETag", "LastModified"]);
            json!({"CopyObjectResult": copied})
        }
        ("getObject", _) => object(response, Some(body)),
        ("headObject", _) => object(response, None),
        _ => members_of(response).into(),
    };
    Ok(response.answer(output))
}

fn missing(action: &str) -> ErrorDocument {
    let (code, what) = if action == "headBucket" { ("NoSuchBucket", "bucket") } else { ("NoSuchKey", "key") };
    ErrorDocument {
        exception: Some(code.into()),
        code: None,
        message: Some(format!("The specified {what} does not exist.")),
    }
}

fn request(action: &str, parameters: &Value) -> Result<Call, ServiceError> {
    let wrong = |message: String| ServiceError { error: "States.Runtime".into(), message, refusal: None };
    let text = |name: &str| match &parameters[name] {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    let given = parameters.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    for name in given {
        let known =
            [REQUEST_HEADERS, QUERY_PARAMETERS].iter().any(|table| table.iter().any(|(member, _)| *member == name));
        if !known && !OTHER_PARAMETERS.contains(&name) {
            return Err(wrong(format!("The parameter '{name}' of s3:{action} is not supported by this engine")));
        }
    }
    let required = |name: &str| {
        text(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| wrong(format!("The field '{name}' is required of s3:{action}")))
    };
    let method = match action {
        "putObject" | "copyObject" | "createBucket" => Method::PUT,
        "deleteObject" | "deleteBucket" => Method::DELETE,
        "headObject" | "headBucket" => Method::HEAD,
        _ => Method::GET,
    };
    let mut path = match action {
        "listBuckets" => "/".to_owned(),
        _ => format!("/{}", encoded(&required("Bucket")?)),
    };
    if action.ends_with("Object") {
        path = format!("{path}/{}", encoded_path(&required("Key")?));
    }
    let list = (action == "listObjectsV2").then(|| ("list-type", "2".to_owned()));
    let asked = QUERY_PARAMETERS.iter().filter_map(|(member, name)| Some((*name, text(member)?)));
    path += &query(list.into_iter().chain(asked));
    let mut headers: Vec<(String, String)> =
        REQUEST_HEADERS.iter().filter_map(|(member, name)| Some(((*name).to_owned(), text(member)?))).collect();
    for (name, value) in parameters["Metadata"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.push((format!("x-amz-meta-{name}"), value));
    }
    if action == "copyObject" {
        headers.push(("x-amz-copy-source".into(), encoded_path(&required("CopySource")?)));
    }
    // A document is stored as its JSON text.
    let body = if action == "putObject" { text("Body").unwrap_or_default() } else { String::new() };
    Ok(Call { method, path, headers, body: body.into_bytes() })
}

/// The members of the output that are sent as headers.
fn members_of(response: &Response) -> Map<String, Value> {
    let known = RESPONSE_HEADERS.iter().filter_map(|(header, member)| {
        // Only objects have a content type.
        Some(((*member).to_owned(), response.header(header)?.into()))
    });
    let mut members: Map<String, Value> = known.collect();
    if response.status == 204 || response.body.is_empty() {
        members.remove("ContentType");
    }
    members
}

fn object(response: &Response, body: Option<String>) -> Value {
    let mut members = members_of(response);
    if let Some(kind) = response.header("content-type") {
        members.insert("ContentType".into(), kind.into());
    }
    if let Some(length) = response.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
        members.insert("ContentLength".into(), length.into());
    }
    if let Some(modified) = response.header("last-modified") {
        members.insert("LastModified".into(), as_timestamp(modified).into());
    }
    let metadata: Map<String, Value> =
        response.headers_after("x-amz-meta-").map(|(name, value)| (name.to_owned(), value.into())).collect();
    members.insert("Metadata".into(), metadata.into());
    members.extend(body.map(|body| ("Body".to_owned(), body.into())));
    members.into()
}

/// Converts `Sun, 22 Nov 2026 10:20:30 GMT` to `2026-11-22T10:20:30Z`.
fn as_timestamp(http_date: &str) -> String {
    let read = OffsetDateTime::parse(&http_date.replace("GMT", "+0000"), &Rfc2822);
    let written = read.ok().and_then(|time| {
        let time = PrimitiveDateTime::new(time.date(), time.time()).assume_utc();
        time.format(&time::format_description::well_known::Rfc3339).ok()
    });
    written.unwrap_or_else(|| http_date.to_owned())
}

/// Converts an element's children with these names to JSON, including numbers and booleans.
fn elements_to_json(node: Node<'_, '_>, names: &[&str]) -> Value {
    let members = names.iter().filter_map(|name| {
        let text = xml::child_text(node, name)?;
        let value = match *name {
            "Size" | "KeyCount" | "MaxKeys" => text.parse::<i64>().map_or(Value::String(text), Value::from),
            "IsTruncated" => Value::Bool(text == "true"),
            _ => Value::String(text),
        };
        Some(((*name).to_owned(), value))
    });
    members.collect::<Map<_, _>>().into()
}

fn listing(document: &Document<'_>) -> Value {
    const MEMBERS: &[&str] = &[
        "ContinuationToken",
        "Delimiter",
        "IsTruncated",
        "KeyCount",
        "MaxKeys",
        "Name",
        "NextContinuationToken",
        "Prefix",
        "StartAfter",
    ];
    let root = document.root_element();
    let of = |name: &'static str| xml::elements(root).filter(move |child| child.tag_name().name() == name);
    let contents: Vec<Value> = of("Contents")
        .map(|object| elements_to_json(object, &["ETag", "Key", "LastModified", "Size", "StorageClass"]))
        .collect();
    let prefixes: Vec<Value> = of("CommonPrefixes").map(|prefix| elements_to_json(prefix, &["Prefix"])).collect();
    let mut output = elements_to_json(root, MEMBERS);
    output["CommonPrefixes"] = prefixes.into();
    output["Contents"] = contents.into();
    output
}

fn buckets(document: &Document<'_>) -> Value {
    let buckets: Vec<Value> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "Bucket")
        .map(|bucket| elements_to_json(bucket, &["CreationDate", "Name"]))
        .collect();
    json!({"Buckets": buckets})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_request_contains_the_bucket_and_the_key() {
        let call = request(
            "putObject",
            &json!({
                "Bucket": "loans", "Key": "a b/ü.json", "Body": {"a": 1}, "ContentType": "application/json",
                "Metadata": {"by": "me"}
            }),
        )
        .unwrap();
        assert_eq!((call.method, call.path.as_str()), (Method::PUT, "/loans/a%20b/%C3%BC.json"));
        assert_eq!(call.body, br#"{"a":1}"#);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(call.headers, [header("content-type", "application/json"), header("x-amz-meta-by", "me")]);
    }

    #[test]
    fn a_listing_uses_pascal_case_in_the_request_and_the_answer() {
        let asked = json!({"Bucket": "loans", "Prefix": "a/b", "MaxKeys": 2});
        assert_eq!(request("listObjectsV2", &asked).unwrap().path, "/loans?list-type=2&max-keys=2&prefix=a%2Fb");
        let answer = r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>loans</Name>
            <IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><MaxKeys>2</MaxKeys>
            <Contents><Key>a/b&amp;c</Key><Size>7</Size><ETag>"e"</ETag></Contents></ListBucketResult>"#;
        assert_eq!(
            listing(&Document::parse(answer).unwrap()),
            json!({
                "IsTruncated": false, "KeyCount": 1, "MaxKeys": 2, "Name": "loans", "CommonPrefixes": [],
                "Contents": [{"ETag": "\"e\"", "Key": "a/b&c", "Size": 7}]
            })
        );
    }

    #[test]
    fn unsupported_parameters_are_refused_by_name() {
        let refused = request("getObject", &json!({"Bucket": "b", "Key": "k", "RequestPayer": "requester"}));
        let message = refused.err().map(|error| error.message).unwrap_or_default();
        assert_eq!(message, "The parameter 'RequestPayer' of s3:getObject is not supported by this engine");
        let refused = request("getObject", &json!({"Bucket": "b"})).err().map(|error| error.message);
        assert_eq!(refused.as_deref(), Some("The field 'Key' is required of s3:getObject"));
    }

    #[test]
    fn times_in_headers_are_formatted_like_all_others() {
        assert_eq!(as_timestamp("Sun, 22 Nov 2026 10:20:30 GMT"), "2026-11-22T10:20:30Z");
        assert_eq!(as_timestamp("yesterday"), "yesterday");
    }
}
