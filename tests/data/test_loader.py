"""Batches: their content, their repetition, their division among processes, and the permutations of the passes."""

import numpy as np
import pytest
import torch

from vaelib import data
from vaelib.support.errors import UserError

N = 50


@pytest.fixture
def ds(tmp_path) -> data.Dataset:
    """Memory-mapped as from the cache. The red value is the image's number; the left half is brighter in green."""
    images = np.zeros((N, 3, 8, 8), dtype=np.uint8)
    images[:, 0] = np.arange(N)[:, None, None]
    images[:, 1, :, :4] = 255
    np.save(tmp_path / "images.npy", images)
    return data.Dataset(np.load(tmp_path / "images.npy", mmap_mode="r"), name="test", split="train")


def numbers(x: torch.Tensor) -> list[int]:
    return (x[:, 0, 0, 0] * 255).round().int().tolist()


def mirrored(x: torch.Tensor) -> list[bool]:
    return (x[:, 1, 0, 0] == 0).tolist()


def one_pass(loader) -> list[int]:
    return numbers(torch.cat(list(loader)))


def test_batches_are_float_in_the_unit_interval_and_channels_last(ds):
    x = next(iter(data.loader(ds, 16)))
    assert (x.shape, x.dtype) == ((16, 3, 8, 8), torch.float32)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, torch.from_numpy(ds.images[:16].copy()) / 255)


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [16, 16, 16, 2]), (True, [16, 16, 16])])
def test_length_and_last_batch(ds, drop_last, sizes):
    loader = data.loader(ds, 16, drop_last=drop_last)
    assert [len(x) for x in loader] == sizes
    assert len(loader) == len(sizes)


def test_in_order_unless_shuffled(ds):
    loader = data.loader(ds, 16)
    assert one_pass(loader) == one_pass(loader) == list(range(N))


def test_each_pass_is_another_permutation_that_the_seed_fixes(ds):
    first = data.loader(ds, 16, shuffle=True, seed=3)
    second = data.loader(ds, 16, shuffle=True, seed=3)
    passes = [one_pass(first) for _ in range(3)]
    assert all(sorted(order) == list(range(N)) for order in passes)
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert [one_pass(second) for _ in range(3)] == passes
    assert one_pass(data.loader(ds, 16, shuffle=True, seed=4)) != passes[0]


def test_the_epoch_can_be_set_to_resume(ds):
    unbroken, resumed = (data.loader(ds, 16, shuffle=True, flip=True) for _ in range(2))
    passes = [torch.cat(list(unbroken)) for _ in range(3)]
    assert unbroken.epoch == 3
    resumed.epoch = 2
    assert torch.equal(torch.cat(list(resumed)), passes[2])


def test_a_pass_that_is_broken_off_still_counts(ds):
    loader = data.loader(ds, 16, shuffle=True)
    first = numbers(next(iter(loader)))
    assert numbers(next(iter(loader))) != first


def test_flips_mirror_about_half_and_leave_the_rest(ds):
    loader = data.loader(ds, 16, flip=True)
    passes = [torch.cat(list(loader)) for _ in range(8)]
    share = np.mean([mirrored(x) for x in passes])
    assert 0.4 < share < 0.6
    assert mirrored(passes[0]) != mirrored(passes[1])
    for image, original, flipped in zip(passes[0], ds.images, mirrored(passes[0]), strict=True):
        expected = original[:, :, ::-1] if flipped else original
        assert torch.equal(image, torch.from_numpy(expected.copy()) / 255)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_each_batch(ds, world):
    def loader(share):
        return data.loader(ds, 16, shuffle=True, flip=True, seed=1, share=share)

    alone = list(loader((0, 1)))
    shares = [list(loader((rank, world))) for rank in range(world)]
    assert {len(batches) for batches in shares} == {len(alone)}
    for number, whole in enumerate(alone):
        for rank in range(world):
            assert torch.equal(shares[rank][number], whole[rank::world])


def test_a_batch_too_small_for_all_is_empty_for_some(ds):
    assert [len(x) for x in data.loader(ds, 49, share=(1, 2))] == [24, 0]


def test_dropping_all_batches_is_an_error(ds):
    with pytest.raises(UserError, match="50 images do not fill a batch of 64"):
        data.loader(ds, 64, drop_last=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_an_accelerator_gives_the_same_batches(ds, monkeypatch):
    def batches(device):
        return list(data.loader(ds, 16, shuffle=True, flip=True, device=device))

    on_cpu, on_gpu = batches("cpu"), batches("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    streamed = batches("cuda")
    for a, b, c in zip(on_cpu, on_gpu, streamed, strict=True):
        assert b.device.type == c.device.type == "cuda"
        assert b.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(a, b.cpu())
        assert torch.equal(b, c)
