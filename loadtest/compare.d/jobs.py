"""The two jobs in the protocol of each server."""

import json
import struct

import api
import grpc
from asking import Asking, WrongAnswer
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from h2load import METHOD

NULL, FRAMES = "null", "frames"
JOBS = (NULL, FRAMES)
REQUEST_ID, CAMERAS = "request-000001", 8

inference = grpc.protos("inference.proto")


def framegate(job: str) -> Asking:
    def encode(reference: str) -> bytes:
        camera = f"camera_{sum(reference.encode()) % CAMERAS}"
        request = api.request(reference, camera_id=camera, models=[job], request_id=REQUEST_ID)
        return request.SerializeToString()

    def decode(raw: bytes) -> object:
        [result] = api.frames.PredictResponse.FromString(raw).results
        if result.HasField("error"):
            raise WrongAnswer(result.error.reason)
        best = result.classification.classes[0]
        return best.label if job == NULL else best.index

    return Asking(METHOD, encode, decode)


def echo(job: str) -> Asking:
    def decode(raw: bytes) -> str:
        return api.frames.PredictResponse.FromString(raw).request_id

    return Asking(METHOD, framegate(job).encode, decode)


def triton(job: str) -> Asking:
    def encode(reference: str) -> bytes:
        raw = reference.encode()
        datatype, shape = "UINT8", [1, len(raw)]
        if job == FRAMES:
            datatype, shape, raw = "BYTES", [1], struct.pack("<I", len(raw)) + raw
        given = inference.ModelInferRequest.InferInputTensor(name="frame", datatype=datatype, shape=shape)
        request = inference.ModelInferRequest(model_name=job, inputs=[given], raw_input_contents=[raw])
        return request.SerializeToString()

    def decode(raw: bytes) -> object:
        [answer] = inference.ModelInferResponse.FromString(raw).raw_output_contents
        return answer.decode() if job == NULL else int.from_bytes(answer, "little")

    return Asking("/inference.GRPCInferenceService/ModelInfer", encode, decode)


def ray_serve(job: str) -> Asking:
    def encode(reference: str) -> bytes:
        return StringValue(value=reference).SerializeToString()

    def decode(raw: bytes) -> object:
        answer = StringValue if job == NULL else Int32Value
        return answer.FromString(raw).value

    return Asking(f"/framegate.peers.Ray/{job.capitalize()}", encode, decode)


def mosec(job: str) -> Asking:
    decode = bytes.decode if job == NULL else int
    return Asking("/inference", str.encode, decode, ("content-type: application/octet-stream",), http1=True)


def litserve(job: str) -> Asking:
    def encode(reference: str) -> bytes:
        return json.dumps({"frame": reference}).encode()

    return Asking("/predict", encode, json.loads, ("content-type: application/json",), http1=True)
