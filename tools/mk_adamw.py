"""Writes tests/data/adamw-torch.txt: what torch's AdamW and clip_grad_norm_, and transformers' schedules, answer.

    python tools/mk_adamw.py > tests/data/adamw-torch.txt
"""
import torch
import transformers
from transformers import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

SIZES = (5, 3)  # the first decays, the second (a bias) does not
STEPS = 6


def numbers(values):
    return " ".join(repr(float(v)) if isinstance(v, float) else f"{float(v):.9g}" for v in values)


def optimiser(weight_decay, max_norm):
    torch.manual_seed(7)
    params = [torch.nn.Parameter(torch.randn(n)) for n in SIZES]
    groups = [{"params": params[:1], "weight_decay": weight_decay}, {"params": params[1:], "weight_decay": 0.0}]
    opt = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.999), eps=1e-8, foreach=False, fused=False)
    print(f"adamw {weight_decay} {max_norm}")
    print("start", numbers(torch.cat([p.detach() for p in params])))
    for step in range(STEPS):
        lr = 0.01 * (1 - step / STEPS)
        for g in opt.param_groups:
            g["lr"] = lr
        for p in params:
            p.grad = torch.randn(p.shape) * 10.0 ** (step - 3)
        grads = torch.cat([p.grad for p in params])
        norm = torch.nn.utils.clip_grad_norm_(params, max_norm, foreach=False)
        opt.step()
        print("lr", repr(lr))
        print("grad", numbers(grads))
        print("norm", numbers([norm]))
        print("weight", numbers(torch.cat([p.detach() for p in params])))


def schedule(name, make, warmup, steps):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-5)
    sched = make(opt, warmup, steps)
    rates = []
    for _ in range(steps + 1):
        rates.append(float(sched.get_last_lr()[0]))
        opt.step()
        sched.step()
    print("schedule", name, warmup, steps)
    print("rates", numbers(rates))


print(f"# AdamW, clipping and learning rates by torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}; tools/mk_adamw.py.")
print(f"# adamw WEIGHT_DECAY MAX_NORM, two parameters of {SIZES[0]} (decays) and {SIZES[1]} (does not) values; f32.")
optimiser(0.0, 1.0)
optimiser(0.1, 1.0)
optimiser(0.01, 1000.0)
schedule("linear", get_linear_schedule_with_warmup, 0, 7)
schedule("linear", get_linear_schedule_with_warmup, 3, 10)
schedule("cosine", get_cosine_schedule_with_warmup, 2, 9)
schedule("constant", lambda o, w, n: get_constant_schedule_with_warmup(o, w), 2, 5)
