"""The vendor's Python SDK, unmodified, against a running `palisade serve`.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    PALISADE_URL=http://127.0.0.1:8008 PALISADE_KEY=<a key> venv/bin/pytest .

PALISADE_ENGINES names the engines that every result must show, separated by commas; names are
compared without case, spaces and punctuation. Every test runs twice: with the base address that
Core clients use, and with Cloud's, which ends in /v4.
"""

import json
import os
from urllib.parse import quote

import pytest
from mcl_platform_sdk.exceptions import (
    ApiException,
    BadRequestException,
    NotFoundException,
    ServiceException,
    UnauthorizedException,
)
from mcl_platform_sdk.models import MultipleHashLookupRequest

import samples
from checks import (
    ENCRYPTED_ARCHIVE,
    INFECTED,
    NO_THREAT,
    UNKNOWN,
    assert_describes,
    assert_engines,
    assert_refused,
    assert_shows_engines,
    is_time,
)

NOWHERE = "0" * 32
"""Well-formed as a data_id, and never given out."""


@pytest.fixture(scope="module")
def infected(palisade):
    """The EICAR test file, scanned: its result as the SDK reads it and as it was on the wire."""
    return palisade.scan(samples.eicar(), filename="eicar.com")


class TestScan:
    def test_an_upload_is_acknowledged_with_its_hashes(self, palisade):
        content = samples.clean()
        upload = palisade.files.analyze_file(content, headers={"filename": "minutes.txt"})
        assert upload.data_id
        for kind in ("md5", "sha1", "sha256"):
            assert getattr(upload, kind) == samples.hashes(content)[kind]
        # Readable at once: the SDK's users start to poll without waiting.
        model, _ = palisade.result(upload.data_id)
        assert model.data_id == upload.data_id

    def test_a_clean_file(self, palisade):
        content = samples.clean()
        model, wire = palisade.scan(content, filename="minutes.txt", rule="multiscan")
        assert_describes(model.file_info, content, "minutes.txt")
        assert model.file_info.file_type.startswith("text/")
        assert model.scan_results.scan_all_result_i == NO_THREAT
        assert model.scan_results.scan_all_result_a == "No Threat Detected"
        assert model.scan_results.total_detected_avs == 0
        assert model.scan_results.data_id == model.data_id
        assert is_time(model.scan_results.start_time)
        assert model.process_info.result == "Allowed"
        assert model.process_info.progress_percentage == 100
        assert_shows_engines(wire["scan_results"])

    def test_an_infected_file(self, infected):
        model, wire = infected
        assert_describes(model.file_info, samples.eicar(), "eicar.com")
        assert model.scan_results.scan_all_result_i == INFECTED
        assert model.scan_results.scan_all_result_a == "Infected"
        assert model.process_info.result == "Blocked"
        assert model.process_info.blocked_reason
        assert_shows_engines(wire["scan_results"])
        entries = wire["scan_results"]["scan_details"].values()
        detecting = [entry for entry in entries if entry["scan_result_i"] == INFECTED]
        assert model.scan_results.total_detected_avs == len(detecting) >= 1
        assert all(entry["threat_found"] for entry in detecting)

    def test_an_infected_file_in_an_archive_in_a_mail(self, palisade):
        archive = samples.zipped("eicar.com", samples.eicar())
        content = samples.mail("inner.zip", archive)
        model, wire = palisade.scan(content, filename="invoice.eml")
        assert_describes(model.file_info, content, "invoice.eml")
        assert model.scan_results.scan_all_result_i == INFECTED
        assert model.process_info.result == "Blocked"
        assert_shows_engines(wire["scan_results"])
        assert model.extracted_files.files_in_archive

        tree = palisade.tree(model.data_id)
        assert tree["inner.zip"]["scan_result_i"] == INFECTED
        assert tree["inner.zip"]["file_size"] == len(archive)
        leaf = tree["inner.zip/eicar.com"]
        assert leaf["scan_result_i"] == INFECTED
        assert leaf["progress_percentage"] == 100
        assert leaf["detected_by"] >= 1
        assert leaf["file_size"] == 68
        unharmed = [path for path, entry in tree.items() if entry["scan_result_i"] == NO_THREAT]
        assert all(not path.startswith("inner.zip") for path in unharmed)

        child, _ = palisade.result(leaf["data_id"])
        assert child.data_id == leaf["data_id"] != model.data_id
        assert child.file_info.sha256 == samples.hashes(samples.eicar())["sha256"]
        assert child.file_info.display_name.endswith("eicar.com")
        assert child.scan_results.scan_all_result_i == INFECTED

    def test_a_clean_archive_is_clean_with_all_its_files(self, palisade):
        content = samples.clean()
        model, _ = palisade.scan(samples.zipped("a/minutes.txt", content), filename="a.zip")
        assert model.scan_results.scan_all_result_i == NO_THREAT
        leaf = palisade.tree(model.data_id)["a/minutes.txt"]
        assert leaf["scan_result_i"] == NO_THREAT
        assert leaf["file_size"] == len(content)
        assert leaf["detected_by"] == 0

    def test_an_encrypted_archive_is_not_clean_until_a_password_opens_it(self, palisade):
        content = samples.encrypted_zip("eicar.com", samples.eicar(), b"open sesame")
        model, _ = palisade.scan(content, filename="locked.zip")
        assert model.scan_results.scan_all_result_i == ENCRYPTED_ARCHIVE
        assert model.scan_results.scan_all_result_a == "Encrypted Archive"
        assert model.process_info.result == "Blocked"

        model, _ = palisade.scan(content, filename="locked.zip", archivepwd="open%20sesame")
        assert model.scan_results.scan_all_result_i == INFECTED
        assert palisade.tree(model.data_id)["eicar.com"]["scan_result_i"] == INFECTED

    def test_several_passwords_are_tried(self, palisade):
        """Numbered headers, which other clients send and the SDK does not know."""
        content = samples.encrypted_zip("eicar.com", samples.eicar(), b"second")
        headers = {
            "Content-Type": "application/octet-stream",
            "archivepwd1": "first",
            "archivepwd2": "second",
        }
        status, upload = palisade.call("POST", "/file", headers, content)
        assert status == 200
        model, _ = palisade.finished(upload["data_id"])
        assert model.scan_results.scan_all_result_i == INFECTED

    def test_what_the_caller_says_of_itself_is_given_back(self, palisade):
        """The SDK sends two user-agent lines then: the caller's, and after it its own."""
        told = {"ticket": 4711, "from": "Grüße"}
        model, _ = palisade.scan(samples.clean(), user_agent="ci/1.0", metadata=json.dumps(told))
        assert model.process_info.user_agent == "ci/1.0"
        assert model.file_info.metadata == told

    def test_the_polling_of_the_sdk_itself_ends(self, palisade):
        upload = palisade.files.analyze_file(samples.eicar())
        patience = {"timeout": 60, "poll_interval": 0.1}
        model = palisade.files.get_file_analysis(upload.data_id, headers=patience)
        assert model.scan_results.progress_percentage == 100
        assert model.scan_results.scan_all_result_i == INFECTED

    def test_one_request_may_wait_for_the_result(self, palisade):
        upload = palisade.files.analyze_file(samples.clean())
        status, wire = palisade.call("GET", f"/file/{upload.data_id}?wait=60")
        assert status == 200
        assert wire["scan_results"]["progress_percentage"] == 100
        assert wire["scan_results"]["scan_all_result_i"] == NO_THREAT

    def test_a_raw_body_is_as_good_as_multipart(self, palisade):
        content = samples.clean()
        status, upload = palisade.post_raw(content, "minutes.txt")
        assert status == 200
        model, _ = palisade.finished(upload["data_id"])
        assert_describes(model.file_info, content, "minutes.txt")
        assert model.scan_results.scan_all_result_i == NO_THREAT


class TestNames:
    UMLAUTS = "Übersicht ✓.txt"

    def test_a_header_gives_the_name_percent_encoded(self, palisade):
        model, _ = palisade.scan(samples.clean(), filename=quote(self.UMLAUTS))
        assert model.file_info.display_name == self.UMLAUTS

    def test_the_part_gives_the_name_when_no_header_does(self, palisade):
        model, _ = palisade.scan((self.UMLAUTS, samples.clean()))
        assert model.file_info.display_name == self.UMLAUTS

    def test_a_header_goes_before_the_part(self, palisade):
        model, _ = palisade.scan(("part.txt", samples.clean()), filename="header.txt")
        assert model.file_info.display_name == "header.txt"

    def test_the_same_bytes_keep_the_name_of_each_request(self, palisade):
        content = samples.clean()
        first, _ = palisade.scan(content, filename="first.txt")
        second, _ = palisade.scan(content, filename="second.txt")
        assert first.data_id != second.data_id
        assert second.file_info.display_name == "second.txt"
        again, _ = palisade.result(first.data_id)
        assert again.file_info.display_name == "first.txt"


class TestSync:
    def test_a_clean_file(self, palisade):
        content = samples.clean()
        headers = {"filename": "minutes.txt"}
        model = palisade.analysis.analyze_file_sync(content, headers=headers)
        assert_describes(model.file_info, content, "minutes.txt")
        assert model.scan_results.progress_percentage == 100
        assert model.scan_results.scan_all_result_i == NO_THREAT
        assert model.scan_results.scan_all_result_a == "No Threat Detected"
        assert model.scan_results.total_avs >= 4
        # The same result stays to be had.
        later, _ = palisade.result(model.data_id)
        assert later.scan_results.scan_all_result_i == NO_THREAT

    def test_an_infected_file(self, palisade):
        model = palisade.analysis.analyze_file_sync(samples.eicar())
        assert model.scan_results.scan_all_result_i == INFECTED
        assert model.scan_results.scan_all_result_a == "Infected"
        assert model.process_info.result == "Blocked"

    def test_an_encrypted_archive(self, palisade):
        """The model for this call takes only the codes and words that it knows."""
        content = samples.encrypted_zip("a.txt", samples.clean(), b"unguessable")
        model = palisade.analysis.analyze_file_sync(content, headers={"filename": "locked.zip"})
        assert model.scan_results.scan_all_result_i == ENCRYPTED_ARCHIVE
        assert model.scan_results.scan_all_result_a == "Encrypted Archive"


class TestHashes:
    @pytest.mark.usefixtures("infected")
    @pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
    def test_a_known_hash(self, palisade, kind):
        known = samples.hashes(samples.eicar())[kind]
        for spelling in (known, known.upper()):
            model = palisade.hashes.lookup_hash(spelling)
            assert model.file_info.sha1 == samples.hashes(samples.eicar())["sha1"]
            assert model.scan_results.scan_all_result_i == INFECTED
            assert model.scan_results.scan_all_result_a == "Infected"
            assert model.scan_results.progress_percentage == 100
            assert model.scan_results.total_detected_avs >= 1
            assert model.scan_result_history_length >= 1

    def test_a_file_is_known_once_it_was_scanned(self, palisade):
        content = samples.clean()
        sha256 = samples.hashes(content)["sha256"]
        with pytest.raises(NotFoundException) as caught:
            palisade.hashes.lookup_hash(sha256)
        assert_refused(caught.value, 404003)

        scanned, _ = palisade.scan(content, filename="minutes.txt")
        model = palisade.hashes.lookup_hash(sha256)
        assert model.data_id == scanned.data_id
        assert model.file_info.display_name == "minutes.txt"
        assert model.scan_results.scan_all_result_i == NO_THREAT

    @pytest.mark.usefixtures("infected")
    def test_the_look_up_of_core_clients(self, palisade):
        sha256 = samples.hashes(samples.eicar())["sha256"]
        model = palisade.analysis.get_analysis_by_hash(sha256)
        assert model.file_info.sha256 == sha256
        assert model.scan_results.scan_all_result_i == INFECTED

    @pytest.mark.parametrize("length", [32, 40, 64])
    def test_an_unknown_hash(self, palisade, length):
        with pytest.raises(NotFoundException) as caught:
            palisade.hashes.lookup_hash(os.urandom(length // 2).hex())
        assert_refused(caught.value, 404003)

    @pytest.mark.parametrize("text", ["abc", "x" * 32, "0" * 33, "0" * 63, "0/1", "\0", "é" * 16])
    def test_what_is_no_hash(self, palisade, text):
        with pytest.raises(BadRequestException) as caught:
            palisade.hashes.lookup_hash(text)
        assert_refused(caught.value, 400064)

    @pytest.mark.usefixtures("infected")
    def test_many_hashes_at_once(self, palisade):
        known, unknown = samples.hashes(samples.eicar()), os.urandom(20).hex()
        asked = [known["md5"], unknown, known["sha256"]]
        model = palisade.hashes.lookup_hashes(MultipleHashLookupRequest(hash=asked))
        assert [entry.hash for entry in model.data] == asked
        assert [entry.scan_result_i for entry in model.data] == [INFECTED, UNKNOWN, INFECTED]
        assert [entry.data_id != "" for entry in model.data] == [True, False, True]
        assert model.data[0].total_detected_avs >= 1
        assert model.data[1].total_detected_avs == 0

    @pytest.mark.usefixtures("infected")
    def test_many_hashes_with_every_engine(self, palisade):
        request = MultipleHashLookupRequest(hash=[samples.hashes(samples.eicar())["sha1"]])
        response = palisade.hashes.lookup_hashes(
            request, headers={"includescandetails": "1"}, response_type="http"
        )
        details = json.loads(response.raw_data)["data"][0]["scan_details"]
        assert_engines(details)


class TestRefusals:
    CALLS = {
        "upload": lambda caller: caller.files.analyze_file(b"x"),
        "sync upload": lambda caller: caller.analysis.analyze_file_sync(b"x"),
        "result": lambda caller: caller.files.get_file_analysis(NOWHERE),
        "hash": lambda caller: caller.hashes.lookup_hash("0" * 32),
        "hashes": lambda caller: caller.hashes.lookup_hashes(
            MultipleHashLookupRequest(hash=["0" * 32])
        ),
        "key": lambda caller: caller.keys.get_api_key(),
        "limits": lambda caller: caller.keys.get_api_key_limits(),
    }

    @pytest.mark.parametrize("name", CALLS)
    def test_a_wrong_key(self, stranger, name):
        with pytest.raises(UnauthorizedException) as caught:
            self.CALLS[name](stranger)
        assert_refused(caught.value, 401006)

    @pytest.mark.parametrize("name", CALLS)
    def test_no_key(self, anonymous, name):
        with pytest.raises(UnauthorizedException) as caught:
            self.CALLS[name](anonymous)
        assert json.loads(caught.value.body)["success"] is False

    def test_an_empty_part(self, palisade):
        """The body is not empty here, its only part is."""
        with pytest.raises(BadRequestException) as caught:
            palisade.files.analyze_file(b"", headers={"filename": "empty.txt"})
        assert_refused(caught.value, 400145)

    def test_an_empty_body(self, palisade):
        status, wire = palisade.post_raw(b"", "empty.txt")
        assert (status, wire["error"]["code"]) == (400, 400145)
        with pytest.raises(BadRequestException) as caught:
            palisade.analysis.analyze_file_sync(b"")
        assert_refused(caught.value, 400145)

    @pytest.mark.parametrize("data_id", [NOWHERE, NOWHERE + "1" * 16, "nothing", "a/b", "é\0"])
    def test_an_unknown_data_id(self, palisade, data_id):
        with pytest.raises(NotFoundException) as caught:
            palisade.files.get_file_analysis(data_id)
        assert_refused(caught.value, 404004)


class TestKey:
    def test_what_a_key_may_do(self, palisade):
        account = palisade.keys.get_api_key()
        assert account.max_upload_file_size > 0
        assert account.max_archive_file_depth > 0
        assert account.max_archive_file_number > 0
        assert account.max_archive_file_size > 0
        key = palisade.client.api_key
        assert key not in account.to_json(), "a secret is never given back"

    def test_what_is_used_and_what_is_left(self, palisade):
        """/apikey/limits is what was used, /apikey/limits/status what is left."""
        families = ("prevention", "reputation", "analysis")
        before = palisade.keys.get_api_key_limits()
        palisade.scan(samples.clean(), filename="minutes.txt")
        used = palisade.keys.get_api_key_limits()
        counts = [getattr(used, f"{family}_api") for family in families]
        assert sum(counts) > sum(getattr(before, f"{family}_api") for family in families)

        account = palisade.keys.get_api_key()
        left = palisade.keys.get_api_key_remaining_limits()
        for family, count in zip(families, counts, strict=True):
            limit = getattr(account, f"limit_{family}")
            if limit is not None:  # No limit, nothing to run out of.
                assert getattr(left, f"{family}_api") == max(limit - count, 0), family


class TestServer:
    def test_engines(self, palisade, infected):
        engines = palisade.stats.get_engines_status()
        assert_engines(engine.eng_name for engine in engines)
        assert len({engine.eng_id for engine in engines}) == len(engines)
        for engine in engines:
            assert engine.state == "production", engine.eng_name
            assert engine.active is True, engine.eng_name
            assert engine.eng_ver, engine.eng_name
            assert is_time(engine.def_time), engine.eng_name
        # Results and this list speak of the same engines by the same names.
        ids = {engine.eng_name: engine.eng_id for engine in engines}
        _, wire = infected
        for name, entry in wire["scan_results"]["scan_details"].items():
            assert entry["eng_id"] == ids[name]

    def test_definitions(self, palisade):
        """The SDK's model wants one entry for each of 48 vendors' engines, so it is not used."""
        response = palisade.status.get_engine_definitions(response_type="raw")
        assert response.status == 200
        definitions = json.loads(response.data)
        assert_engines(definitions)
        assert all(is_time(text) for text in definitions.values())

    def test_nodes(self, palisade):
        (nodes,) = palisade.stats.get_nodes_status()
        assert_engines(engine.eng_name for host in nodes.statuses for engine in host.engines)

    def test_rules(self, palisade):
        rules = palisade.analysis.list_analysis_rules()
        assert "default" in {rule.name for rule in rules}
        assert all(rule.max_file_size > 0 for rule in rules)

    def test_api_version(self, palisade):
        assert palisade.status.get_api_version().version

    def test_version(self, palisade):
        version = palisade.stats.get_product_version()
        assert version.product_id
        assert [part.isdigit() for part in version.version.split("-")[0].split(".")] == [True] * 3

    def test_readiness_needs_no_key(self, anonymous):
        response = anonymous.stats.get_health_check(response_type="http")
        assert response.status_code == 200
        assert response.data is not None


class TestBatches:
    def test_a_batch_from_its_making_to_its_certificate(self, palisade):
        made = palisade.batches.create_batch(headers={"user_data": "ticket 7"})
        batch = made.batch_id
        contents = {"clean.txt": samples.clean(), "eicar.com": samples.eicar()}
        for name, content in contents.items():
            palisade.files.analyze_file(content, headers={"filename": name, "batch": batch})
        open_batch = palisade.batches.get_batch_status(batch)
        assert open_batch.is_closed is False
        assert open_batch.scan_results.scan_all_result_a == "In Progress"
        assert open_batch.user_data == "ticket 7"

        closed = palisade.batches.close_batch(batch)
        assert closed.is_closed is True
        done = palisade.batch(batch)
        assert done.scan_results.scan_all_result_i == INFECTED
        assert done.process_info.result == "Blocked"
        assert done.batch_files.batch_count == 2
        results = {
            file.display_name: file.scan_all_result_i for file in done.batch_files.files_in_batch
        }
        assert results == {"clean.txt": NO_THREAT, "eicar.com": INFECTED}

        # The SDK has no model for a certificate.
        signed = palisade.batches.get_batch_signed_result(batch, response_type="raw")
        certificate = json.loads(signed.data)
        assert certificate["jws"].count(".") == 2
        hashes = {file["sha256"] for file in certificate["certificate"]["files"]}
        assert hashes == {samples.hashes(content)["sha256"] for content in contents.values()}

    def test_a_page_of_a_batch(self, palisade):
        batch = palisade.batches.create_batch().batch_id
        for number in range(3):
            headers = {"filename": f"{number}.txt", "batch": batch}
            palisade.files.analyze_file(samples.clean(), headers=headers)
        page = palisade.batches.get_batch_status(batch, headers={"first": 1, "size": 1})
        assert page.batch_files.batch_count == 3
        palisade.batches.close_batch(batch)

    def test_a_cancelled_batch_takes_no_more(self, palisade):
        batch = palisade.batches.create_batch().batch_id
        assert palisade.batches.cancel_batch(batch) is not None
        with pytest.raises(ApiException) as caught:
            palisade.files.analyze_file(samples.clean(), headers={"batch": batch})
        assert_refused(caught.value, 409901)

    def test_an_unknown_batch(self, palisade):
        with pytest.raises(NotFoundException) as caught:
            palisade.batches.get_batch_status(NOWHERE)
        assert_refused(caught.value, 404901)


class TestParts:
    def test_a_file_in_parts(self, palisade):
        content = samples.clean() * 1_000
        half = len(content) // 2
        upload = palisade.parts.create_multipart_upload(
            len(content), headers={"filename": "parts.txt"}
        )
        rest = len(content) - half
        second = f"{half}-{rest}/{len(content)}"
        received = palisade.parts.upload_part(upload.data_id, second, rest, body=content[half:])
        assert received.ranges_received == f"{half}-{len(content) - 1}"
        assert palisade.parts.get_upload_status(upload.data_id).status == "uploading"
        first = f"0-{half}/{len(content)}"
        palisade.parts.upload_part(upload.data_id, first, half, body=content[:half])
        assert palisade.parts.get_upload_status(upload.data_id).status == "completed"
        model, _ = palisade.finished(upload.data_id)
        assert_describes(model.file_info, content, "parts.txt")

    def test_an_upload_that_is_given_up(self, palisade):
        upload = palisade.parts.create_multipart_upload(10)
        palisade.parts.abort_multipart_upload(upload.data_id)
        with pytest.raises(NotFoundException) as caught:
            palisade.parts.get_upload_status(upload.data_id)
        assert_refused(caught.value, 404902)


class TestTakingBack:
    def test_what_is_done_is_not_cancelled(self, palisade, infected):
        model, _ = infected
        with pytest.raises(ApiException) as caught:
            palisade.analysis.cancel_file_analysis(model.data_id)
        assert_refused(caught.value, 409900)

    def test_a_scan_ends_cancelled_or_done(self, palisade):
        """Whichever comes first: the answer says which, and the result agrees."""
        upload = palisade.files.analyze_file(samples.clean(), headers={"rescan": "true"})
        try:
            palisade.analysis.cancel_file_analysis(upload.data_id)
            expected = 19
        except ApiException as error:
            assert_refused(error, 409900)
            expected = NO_THREAT
        model, _ = palisade.finished(upload.data_id)
        # Cancelled in the moment of its report, it has the report.
        assert model.scan_results.scan_all_result_i in {expected, NO_THREAT}


class TestArchives:
    @pytest.fixture(scope="class")
    def archive(self, palisade):
        content = samples.mail("inner.zip", samples.zipped("eicar.com", samples.eicar()))
        model, _ = palisade.scan(content, filename="invoice.eml")
        return model.data_id

    def test_everything_inside(self, palisade, archive):
        listed = palisade.analysis.list_archive_child_files(archive)
        assert listed.data_id == archive
        hashes = {child.file_info.sha256 for child in listed.extracted_files}
        assert samples.hashes(samples.eicar())["sha256"] in hashes

    def test_the_deepest_blocked_files(self, palisade, archive):
        leaves = palisade.analysis.list_blocked_leaf_files(archive)
        assert leaves.limit_reached is False
        assert [leaf.display_name for leaf in leaves.details] == ["eicar.com"]
        assert leaves.details[0].path == "invoice.eml/inner.zip/eicar.com"

    def test_an_export(self, palisade, archive):
        exported = palisade.analysis.export_result(archive, response_type="raw")
        assert json.loads(exported.data)["data_id"] == archive


class TestHistories:
    @pytest.mark.usefixtures("infected")
    def test_the_scans_of_a_hash(self, palisade):
        known = samples.hashes(samples.eicar())
        history = palisade.hashes.list_hash_scan_history(known["md5"])
        assert history.sha256 == known["sha256"]
        assert history.scan_result_history[-1].scan_all_result_i == INFECTED

    def test_the_scans_of_a_key(self, palisade):
        model, _ = palisade.scan(samples.clean(), filename="minutes.txt")
        newest = palisade.keys.list_api_key_scan_history().data[0]
        assert newest.data_id == model.data_id
        assert newest.file_info.display_name == "minutes.txt"

    @pytest.mark.usefixtures("infected")
    def test_what_is_no_program_has_no_facts_of_one(self, palisade):
        with pytest.raises(NotFoundException) as caught:
            palisade.details.get_pe_info(samples.hashes(samples.eicar())["md5"])
        assert_refused(caught.value, 404904)


class TestCallbacks:
    """Only what can be seen without a receiver: nobody answers at a name that cannot exist."""

    def test_a_callback_can_be_looked_at(self, palisade):
        url = "https://callback.invalid/done"
        headers = {"callbackurl": url, "filename": "minutes.txt"}
        upload = palisade.files.analyze_file(samples.clean(), headers=headers)
        status = palisade.analysis.get_webhook_status(upload.data_id)
        assert status.url == url
        assert is_time(status.request_time)

    def test_a_batch_may_tell(self, palisade):
        batch = palisade.batches.create_batch().batch_id
        headers = {"callbackurl": "https://callback.invalid/batch"}
        assert palisade.batches.close_batch_with_webhook(batch, headers=headers).is_closed

    def test_a_callback_that_cannot_be_called(self, palisade):
        with pytest.raises(BadRequestException) as caught:
            palisade.files.analyze_file(b"x", headers={"callbackurl": "ftp://callback.invalid"})
        assert_refused(caught.value, 400909)


class TestNotYet:
    """What comes later is refused in a form that clients can read."""

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", f"/file/converted/{NOWHERE}"),
            ("DELETE", f"/file/converted/{NOWHERE}"),
            ("POST", "/sandbox"),
            ("GET", f"/sandbox/{NOWHERE}"),
            ("GET", f"/hash/{'0' * 32}/exif"),
            ("GET", f"/hash/{'0' * 32}/apk-manifest"),
            ("GET", "/ip/192.0.2.1"),
            ("GET", "/domain/example.org"),
            ("GET", "/url/http%3A%2F%2Fexample.org%2Fa"),
            ("GET", "/stat/activeperformance"),
        ],
    )
    def test_it_says_so(self, palisade, method, path):
        status, wire = palisade.call(method, path)
        assert status == 501
        assert wire["success"] is False
        assert wire["error"]["code"] // 1000 == 501
        assert wire["error"]["messages"]

    def test_the_sdk_understands(self, palisade):
        with pytest.raises(ServiceException) as caught:
            palisade.analysis.download_file(NOWHERE)
        assert caught.value.status == 501
